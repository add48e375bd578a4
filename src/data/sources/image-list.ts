/** Lists of image files: a text of one path a line, or a CSV with labels. */
import { MocoError } from '../../errors.ts';
import { isFile, joinPath, openFile } from '../../runtime/data-files.ts';
import { imageFile, type ReadImage } from '../decode/image-file.ts';
import type { Place } from '../find/place.ts';
import { counted } from '../find/walk-images.ts';
import { type PackedStrings, packIntegers, packStrings, stringAt } from '../shared.ts';
import { parseImageList } from './parse-image-list.ts';
import type { Dataset, DatasetSpec, Found, Source } from './source.ts';

export interface ImageListSpec extends DatasetSpec {
  /** As they are to be opened. */
  readonly files: PackedStrings;
  /** Label of each, −1 for none; null without classes. */
  readonly labels: Int32Array | null;
}

/** Of its bytes: ten million paths of a hundred. */
const MAX_LIST_BYTES = 2 ** 30;

export const imageList: Source<ImageListSpec> = {
  kind: 'imagelist',
  decodes: true,
  atPath: {
    claims: ({ kind, path }) => kind === 'file' && /\.(txt|lst|csv|tsv)$/i.test(path),
    find: findImageList,
  },
  open: openImageList,
};

/** @throws MocoError data-missing — none of the files is there; data-invalid — it is no such list */
async function findImageList({ path }: Place): Promise<Found<ImageListSpec>> {
  const folder = path.includes('/') || path.includes('\\') ? path.replace(/[\\/][^\\/]*$/, '') : '.';
  const exists = new Map<string, boolean>();
  const at = (name: string) => (/^([\\/]|[A-Za-z]:[\\/])/.test(name) ? name : joinPath(folder, name));
  const isThere = async (name: string) => {
    const known = exists.get(name) ?? (await isFile(at(name)));
    exists.set(name, known);
    return known;
  };
  const list = await parseImageList(await textOf(path), path, isThere);
  const { rows, classes, notes } = list;
  const missing: string[] = [];
  const found: typeof rows = [];
  for (const row of rows) {
    if (await isThere(row.path)) found.push(row);
    else missing.push(row.path);
  }
  if (found.length === 0) {
    throw new MocoError(
      'data-missing',
      `none of the ${rows.length} files of ${path} is there (${missing[0]})`,
    );
  }
  const specOf = (test: boolean): ImageListSpec | null => {
    const own = found.filter((row) => row.test === test);
    if (own.length === 0) return null;
    return {
      kind: imageList.kind,
      files: packStrings(own.map((row) => at(row.path))),
      labels: classes.length === 0 ? null : packIntegers(own.map(({ label }) => label)),
    };
  };
  const train = specOf(false);
  if (!train) throw new MocoError('data-missing', `${path} lists no training image`);
  const lost =
    missing.length === 0
      ? []
      : [`${counted(missing.length, 'file')} not there: ${missing.slice(0, 3).join(', ')}`];
  return { train, test: specOf(true), classes: [...classes], imageSize: null, notes: [...notes, ...lost] };
}

async function textOf(path: string): Promise<string> {
  const file = await openFile(path);
  try {
    if (file.size > MAX_LIST_BYTES) {
      throw new MocoError(
        'data-invalid',
        `${path} has ${file.size} bytes, at most ${MAX_LIST_BYTES} are read`,
      );
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(file.read(0, file.size));
  } catch (cause) {
    if (cause instanceof MocoError) throw cause;
    throw new MocoError('data-invalid', `${path} is no text in UTF-8`, { cause });
  } finally {
    file.close();
  }
}

async function openImageList({ files, labels, limits }: ImageListSpec): Promise<Dataset> {
  const { length } = files.ends;
  const at = (i: number): string => {
    const file = stringAt(files, i);
    if (file === undefined) throw new MocoError('usage', `there is no image ${i}: the data holds ${length}`);
    return file;
  };
  const read: ReadImage = imageFile(limits);
  return { length, labels, name: at, image: (i) => read(at(i)), close: () => {} };
}
