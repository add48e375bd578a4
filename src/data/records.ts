import { MocoError } from '../errors.ts';
import { joinPath, listDirectory, openFile, type RandomAccessFile } from '../runtime/data-files.ts';
import type { RgbImage } from './image.ts';
import type { Dataset } from './source.ts';

/** Data sets whose files are records of one size: label bytes, then planes of red, green and blue. */
export type RecordKind = 'cifar10' | 'cifar100' | 'stl10';

export interface RecordsSpec {
  kind: RecordKind;
  /** Paths, in order. `labels`: the file beside it with one byte an image (STL-10). */
  files: { pixels: string; labels?: string }[];
}

interface Layout {
  title: string;
  /** Bytes before the pixels. */
  header: number;
  /** Which of them is the label; −1: labels lie in a file of their own. */
  labelAt: number;
  /** The first label. */
  firstLabel: number;
  classes: number;
  side: number;
  /** STL-10 stores planes column by column. */
  columnMajor: boolean;
}

const LAYOUTS: Readonly<Record<RecordKind, Layout>> = {
  cifar10: layout('CIFAR-10', 1, 0, 0, 10, 32, false),
  cifar100: layout('CIFAR-100', 2, 1, 0, 100, 32, false), // coarse label, fine label
  stl10: layout('STL-10', 0, -1, 1, 10, 96, true),
};

function layout(
  title: string,
  header: number,
  labelAt: number,
  firstLabel: number,
  classes: number,
  side: number,
  columnMajor: boolean,
): Layout {
  return { title, header, labelAt, firstLabel, classes, side, columnMajor };
}

/** Side of the images in pixels. */
export const RECORD_SIDES: Readonly<Record<RecordKind, number>> = {
  cifar10: LAYOUTS.cifar10.side,
  cifar100: LAYOUTS.cifar100.side,
  stl10: LAYOUTS.stl10.side,
};

const CLASS_NAMES: Readonly<Record<RecordKind, readonly string[]>> = {
  cifar10: 'airplane automobile bird cat deer dog frog horse ship truck'.split(' '),
  cifar100: Array.from({ length: 100 }, (_, label) => `class ${label}`),
  stl10: 'airplane bird car cat deer dog horse monkey ship truck'.split(' '),
};

/** @throws MocoError data-missing — the training files are not there. */
export async function findRecords(
  path: string,
  kind: RecordKind,
): Promise<{ train: RecordsSpec; test: RecordsSpec | null; classes: string[] }> {
  const names = (await listDirectory(path))
    .filter((entry) => entry.kind === 'file')
    .map((entry) => entry.name);
  const spec = (pattern: RegExp): RecordsSpec => ({
    kind,
    files: names
      .filter((name) => pattern.test(name))
      .map((name) => ({
        pixels: joinPath(path, name),
        ...(kind === 'stl10' ? { labels: joinPath(path, name.replace('_X', '_y')) } : {}),
      })),
  });
  const patterns = {
    cifar10: { train: /^data_batch_\d+\.bin$/, test: /^test_batch\.bin$/, expected: 'data_batch_*.bin' },
    cifar100: { train: /^train\.bin$/, test: /^test\.bin$/, expected: 'train.bin' },
    stl10: { train: /^train_X\.bin$/, test: /^test_X\.bin$/, expected: 'train_X.bin and train_y.bin' },
  }[kind];
  const train = spec(patterns.train);
  const test = spec(patterns.test);
  if (train.files.length === 0) {
    const { title } = LAYOUTS[kind];
    throw new MocoError(
      'data-missing',
      `${path} holds no ${patterns.expected}: give the folder of ${title}'s binary version`,
    );
  }
  return { train, test: test.files.length === 0 ? null : test, classes: [...CLASS_NAMES[kind]] };
}

/** @throws MocoError data-missing, data-invalid — a file is not a whole number of records, or a label out of range. */
export async function openRecords(spec: RecordsSpec): Promise<Dataset> {
  const records = LAYOUTS[spec.kind];
  const recordBytes = records.header + 3 * records.side * records.side;
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
        labelPath === undefined
          ? labelBytes(file, records, recordBytes, count)
          : await readAll(labelPath, count);
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

function labelBytes(file: RandomAccessFile, records: Layout, recordBytes: number, count: number): Uint8Array {
  const labels = new Uint8Array(count);
  const chunk = 512;
  for (let start = 0; start < count; start += chunk) {
    const size = Math.min(chunk, count - start);
    const bytes = file.read(start * recordBytes, size * recordBytes);
    for (let i = 0; i < size; i++) labels[start + i] = bytes[i * recordBytes + records.labelAt]!;
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

function checkedLabels(raw: Uint8Array, { firstLabel, classes, title }: Layout, path: string): Int32Array {
  return Int32Array.from(raw, (byte, i) => {
    const label = byte - firstLabel;
    if (label < 0 || label >= classes) {
      const range = `${firstLabel}…${firstLabel + classes - 1}`;
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
function fromPlanes(planes: Uint8Array, { side, columnMajor }: Layout): RgbImage {
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
