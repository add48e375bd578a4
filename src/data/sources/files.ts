/** Images that are files of a page: blobs, or files below a folder that the user has opened to it. */
import { MocoError, messageOf } from '../../errors.ts';
import { decodeImage } from '../decode/decode.ts';
import { MAX_FILE_BYTES } from '../decode/image-file.ts';
import { blobInside, folderOpener } from '../given/given-files.ts';
import { type PackedStrings, stringAt } from '../shared.ts';
import type { Dataset, DatasetSpec, Source } from './source.ts';

/** Can be posted: workers get references to blobs, not what is in them. */
export interface FilesSpec extends DatasetSpec {
  /** What messages call the folder that paths are relative to. */
  readonly folder: string;
  readonly paths: PackedStrings;
  /** Of each path its blob, or the folder in which to look for it. */
  readonly from: FileSystemDirectoryHandle | readonly Blob[];
  /** Label of each; null without classes. */
  readonly labels: Int32Array | null;
}

/** See describeFiles (describe-files.ts), which finds them. */
export const files: Source<FilesSpec> = { kind: 'files', decodes: true, open: openFiles };

/** Files are read when their image is asked for. */
async function openFiles({ folder, paths, from, labels, limits }: FilesSpec): Promise<Dataset> {
  const { length } = paths.ends;
  const pathOf = (i: number): string => {
    const path = stringAt(paths, i);
    if (path === undefined) throw new MocoError('usage', `there is no image ${i}: the data holds ${length}`);
    return path;
  };
  const name = (i: number) => `${folder}/${pathOf(i)}`;
  const inside = Array.isArray(from) ? null : folderOpener(from as FileSystemDirectoryHandle);
  const blobs = Array.isArray(from) ? (from as readonly Blob[]) : null;
  const blobOf = async (i: number) => blobs?.[i] ?? blobInside(inside!, pathOf(i));
  return {
    length,
    labels,
    name,
    size: (i) =>
      blobOf(i).then(
        (blob) => blob.size,
        () => null,
      ),
    async image(i) {
      return decodeImage(await readWhole(await found(() => blobOf(i), name(i)), name(i)), limits);
    },
    close: () => {},
  };
}

async function readWhole(blob: Blob, name: string): Promise<Uint8Array<ArrayBuffer>> {
  if (blob.size > MAX_FILE_BYTES)
    throw new MocoError('image-corrupt', `${blob.size} bytes are too many for an image`);
  return new Uint8Array(await found(() => blob.arrayBuffer(), name));
}

/**
 * What is read of the user's disk, gone or changed since it was chosen perhaps.
 * @throws MocoError data-missing where a file cannot be read, or the folder may not be any more; image-corrupt
 */
async function found<T>(read: () => Promise<T>, name: string): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof MocoError) throw cause;
    const { name: kind } = cause as Error;
    if (kind === 'NotFoundError' || kind === 'NotReadableError') {
      throw new MocoError('data-missing', `${name}: ${messageOf(cause)}`, { cause });
    }
    if (kind === 'NotAllowedError') {
      const advice = 'ask for it again (restoreFiles), or choose the folder anew';
      throw new MocoError('data-missing', `${name}: the page may not read it any more: ${advice}`, { cause });
    }
    throw new MocoError('image-corrupt', messageOf(cause), { cause });
  }
}
