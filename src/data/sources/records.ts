import { MocoError } from '../../errors.ts';
import { joinPath, openFile, type RandomAccessFile } from '../../runtime/data-files.ts';
import type { Place } from '../find/place.ts';
import type { RgbImage } from '../image.ts';
import type { Dataset, DatasetSpec, Found, Source } from './source.ts';

/** A data set whose files are records of one size: label bytes, then planes of red, green and blue. */
export interface RecordFormat {
  readonly kind: string;
  /** What people call it. */
  readonly title: string;
  /** Names of the files of the training split: `auto` goes by these. */
  readonly train: RegExp;
  readonly test: RegExp;
  /** The files of the training split, as a message names them. */
  readonly expected: string;
  /** Bytes before the pixels. */
  readonly header: number;
  /** Where the label is: which byte of the header; or one byte an image in a file of its own, named after the other. */
  readonly label: number | ((pixels: string) => string);
  /** The label of the first class. */
  readonly firstLabel: number;
  /** Names of the classes. */
  readonly classes: readonly string[];
  /** Side of the images in pixels. */
  readonly side: number;
  /** Whether planes are stored column by column. */
  readonly columnMajor?: boolean;
}

export interface RecordsSpec extends DatasetSpec {
  /** Paths, in order. `labels`: the file beside it that has them. */
  readonly files: readonly { readonly pixels: string; readonly labels?: string }[];
}

/** The source of a data set of records. */
export function recordSource(format: RecordFormat) {
  return {
    kind: format.kind,
    decodes: false,
    atPath: {
      claims: ({ files }: Place) => files.some((name) => format.train.test(name)),
      find: async (place: Place) => findRecords(place, format),
    },
    open: (spec: RecordsSpec) => openRecords(spec, format),
  } satisfies Source<RecordsSpec>;
}

/** @throws MocoError data-missing — the training files are not there. */
function findRecords({ path, files }: Place, format: RecordFormat): Found<RecordsSpec> {
  const { kind, title, expected, label, classes, side } = format;
  const spec = (pattern: RegExp): RecordsSpec => ({
    kind,
    files: files
      .filter((name) => pattern.test(name))
      .map((name) => ({
        pixels: joinPath(path, name),
        ...(typeof label === 'number' ? {} : { labels: joinPath(path, label(name)) }),
      })),
  });
  const train = spec(format.train);
  const test = spec(format.test);
  if (train.files.length === 0) {
    throw new MocoError(
      'data-missing',
      `${path} holds no ${expected}: give the folder of ${title}'s binary version`,
    );
  }
  return { train, test: test.files.length === 0 ? null : test, classes: [...classes], imageSize: side };
}

/** @throws MocoError data-missing, data-invalid — a file is not a whole number of records, or a label out of range. */
async function openRecords(spec: RecordsSpec, records: RecordFormat): Promise<Dataset> {
  const recordBytes = bytesOf(records);
  const files: { file: RandomAccessFile; name: string; first: number; count: number }[] = [];
  const close = () => {
    for (const { file } of files) file.close();
  };
  const labels: Int32Array[] = [];
  let length = 0;
  try {
    for (const { pixels, labels: labelPath } of spec.files) {
      const file = await openFile(pixels);
      const count = file.size / recordBytes;
      files.push({ file, name: pixels.split(/[\\/]/).pop()!, first: length, count });
      if (file.size === 0 || !Number.isInteger(count)) {
        const what = `${file.size} bytes are not a whole number of ${records.title}'s ${recordBytes}-byte records`;
        throw new MocoError(
          'data-invalid',
          `${pixels}: ${what}: is it the binary version, downloaded completely?`,
        );
      }
      length += count;
      const raw =
        labelPath === undefined ? labelBytes(file, records, count) : await readAll(labelPath, count);
      labels.push(checkedLabels(raw, records, labelPath ?? pixels));
    }
  } catch (error) {
    close();
    throw error;
  }
  const locate = (i: number) => {
    const file = files.find(({ first, count }) => i >= first && i < first + count);
    if (file === undefined) throw new MocoError('usage', `there is no image ${i}: the data holds ${length}`);
    return file;
  };
  return {
    length,
    labels: concatenate(labels, length),
    name(i) {
      const { name, first } = locate(i);
      return `${name}#${i - first}`;
    },
    async image(i) {
      const { file, first } = locate(i);
      const offset = (i - first) * recordBytes + records.header;
      return fromPlanes(file.read(offset, recordBytes - records.header), records);
    },
    close,
  };
}

const bytesOf = ({ header, side }: RecordFormat): number => header + 3 * side * side;

function labelBytes(file: RandomAccessFile, records: RecordFormat, count: number): Uint8Array {
  const recordBytes = bytesOf(records);
  const at = Number(records.label);
  const labels = new Uint8Array(count);
  const chunk = 512;
  for (let start = 0; start < count; start += chunk) {
    const size = Math.min(chunk, count - start);
    const bytes = file.read(start * recordBytes, size * recordBytes);
    for (let i = 0; i < size; i++) labels[start + i] = bytes[i * recordBytes + at]!;
  }
  return labels;
}

async function readAll(path: string, count: number): Promise<Uint8Array> {
  const file = await openFile(path);
  try {
    if (file.size !== count) {
      throw new MocoError(
        'data-invalid',
        `${path} has ${file.size} labels for ${count} images: download it again`,
      );
    }
    return file.read(0, count);
  } finally {
    file.close();
  }
}

function checkedLabels(
  raw: Uint8Array,
  { firstLabel, classes, title }: RecordFormat,
  path: string,
): Int32Array {
  return Int32Array.from(raw, (byte, i) => {
    const label = byte - firstLabel;
    if (label < 0 || label >= classes.length) {
      const range = `${firstLabel}…${firstLabel + classes.length - 1}`;
      throw new MocoError(
        'data-invalid',
        `${path}: record ${i} has label ${byte}, ${title} has ${range}: wrong file?`,
      );
    }
    return label;
  });
}

function concatenate(parts: Int32Array[], length: number): Int32Array {
  const all = new Int32Array(length);
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/** Planes → interleaved rows. */
function fromPlanes(planes: Uint8Array, { side, columnMajor = false }: RecordFormat): RgbImage {
  const size = side * side;
  const data = new Uint8Array(3 * size);
  for (let p = 0; p < size; p++) {
    const at = columnMajor ? (p % side) * side + Math.floor(p / side) : p;
    data[p * 3] = planes[at]!;
    data[p * 3 + 1] = planes[size + at]!;
    data[p * 3 + 2] = planes[2 * size + at]!;
  }
  return { width: side, height: side, data };
}
