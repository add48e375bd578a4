import { MocoError } from '../errors.ts';
import { joinPath, listDirectory, pathKind } from '../runtime/data-files.ts';
import { type DrawnSpec, openDrawn } from './drawn.ts';
import { findImageFolder, type ImageFolderSpec, openImageFolder } from './image-folder.ts';
import { findRecords, openRecords, RECORD_SIDES, type RecordKind, type RecordsSpec } from './records.ts';
import { DRAWN_CLASSES } from './scene.ts';
import type { Dataset } from './source.ts';

/** What to read, as plain data: it can be posted to a worker, which opens it for itself. */
export type DatasetSpec = RecordsSpec | ImageFolderSpec | DrawnSpec;

export type DatasetKind = RecordKind | 'imagefolder';

export interface DatasetDescription {
  kind: DatasetKind | 'drawn';
  /** Where it lies; null for images that the package draws. */
  path: string | null;
  /** Side in pixels where all images are squares of one size, else null. */
  imageSize: number | null;
  train: DatasetSpec;
  /** Null where the data has no second split. */
  test: DatasetSpec | null;
  trainLength: number;
  /** 0 without a second split. */
  testLength: number;
  /** Names of the classes, by label; empty for a flat folder. */
  classes: string[];
  trainLabels: Int32Array | null;
  testLabels: Int32Array | null;
}

/** Opens what a spec names. Cheap enough for every worker to do. @throws MocoError data-missing, data-invalid */
export async function openDataset(spec: DatasetSpec): Promise<Dataset> {
  if (spec.kind === 'imagefolder') return openImageFolder(spec);
  if (spec.kind === 'drawn') return openDrawn(spec);
  return openRecords(spec);
}

/** Opens a dataset for as long as `use` takes. @throws as openDataset and `use` do */
export async function withDataset<T>(
  spec: DatasetSpec,
  use: (dataset: Dataset) => T | Promise<T>,
): Promise<T> {
  const dataset = await openDataset(spec);
  try {
    return await use(dataset);
  } finally {
    dataset.close();
  }
}

/**
 * Looks at what lies at a path and checks it: files present and of the right size, labels in range.
 * @param kind `auto` goes by the file names found.
 * @throws MocoError data-missing — nothing there, or no images; data-invalid — it is not what `kind` says.
 */
export async function describeDataset(
  path: string,
  kind: DatasetKind | 'auto' = 'auto',
): Promise<DatasetDescription> {
  const found = await pathKind(path);
  if (found === 'missing') {
    throw new MocoError('data-missing', `there is no ${path}: check the path given as the data`);
  }
  if (found === 'file') {
    throw new MocoError('data-invalid', `${path} is a file: give the folder that holds the data`);
  }
  const actual = kind === 'auto' ? await detectKind(path) : kind;
  if (actual === 'imagefolder') {
    const { train, test, classes } = await findImageFolder(path);
    return describeSpecs({ kind: actual, path, imageSize: null, train, test, classes });
  }
  const { train, test, classes } = await findRecords(path, actual);
  return describeSpecs({ kind: actual, path, imageSize: RECORD_SIDES[actual], train, test, classes });
}

/**
 * The description of images that the package draws itself: ten classes of shape and texture.
 * @param trainCount, testCount whole, ≥ 1
 * @param size side in pixels
 * @param seed which images they are; the same seed, the same images
 * @throws MocoError usage
 */
export async function describeDrawn(
  trainCount: number,
  testCount: number,
  size: number,
  seed: number,
): Promise<DatasetDescription> {
  const train: DrawnSpec = { kind: 'drawn', count: trainCount, size, seed, split: 'train' };
  const test: DrawnSpec = { ...train, count: testCount, split: 'test' };
  const classes = [...DRAWN_CLASSES];
  return describeSpecs({ kind: 'drawn', path: null, imageSize: size, train, test, classes });
}

async function describeSpecs(
  found: Pick<DatasetDescription, 'kind' | 'path' | 'imageSize' | 'train' | 'test' | 'classes'>,
): Promise<DatasetDescription> {
  const facts = (spec: DatasetSpec) => withDataset(spec, ({ length, labels }) => ({ length, labels }));
  const train = await facts(found.train);
  const test = found.test && (await facts(found.test));
  return {
    ...found,
    trainLength: train.length,
    testLength: test?.length ?? 0,
    trainLabels: train.labels,
    testLabels: test?.labels ?? null,
  };
}

async function detectKind(path: string): Promise<DatasetKind> {
  const names = new Set<string>();
  for (const { name, kind } of await listDirectory(path)) if (kind === 'file') names.add(name);
  if ([...names].some((name) => /^data_batch_\d+\.bin$/.test(name)) || names.has('test_batch.bin'))
    return 'cifar10';
  if (names.has('train_X.bin')) return 'stl10';
  if (names.has('train.bin')) return 'cifar100';
  if (names.has('data_batch_1') && names.has('batches.meta')) {
    const advice = 'download the binary version (cifar-10-binary.tar.gz)';
    throw new MocoError(
      'data-invalid',
      `${joinPath(path, 'data_batch_1')} is CIFAR-10's Python version: ${advice}`,
    );
  }
  return 'imagefolder';
}
