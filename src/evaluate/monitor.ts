/** The kNN monitor: how well the embeddings of now tell classes apart that training never saw. */
import type { DatasetDescription } from '../data/dataset.ts';
import type { FeatureKind } from '../encoder/embeddings.ts';
import { MocoError } from '../errors.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { type KnnResult, knnClassify, knnLeaveOneOut } from './knn.ts';
import { type EmbeddedSplits, type EmbedOptions, embedSplits, ownImages, ownRows } from './splits.ts';

export interface MonitorOptions extends EmbedOptions {
  readonly kernels: Kernels;
  readonly k: number;
  readonly t: number;
}

export interface MonitorResult {
  readonly backbone: KnnResult;
  readonly head: KnnResult;
  /** Which images are in the bank and which were asked about, row by row: those that can be decoded. */
  readonly bank: Uint32Array;
  readonly queries: Uint32Array;
}

/** Whether the data has classes to be told apart. */
export function hasClasses(data: DatasetDescription): boolean {
  return data.trainLabels !== null && data.classes.length > 1;
}

/** @throws MocoError data-invalid for data without classes */
export function requireClasses(data: DatasetDescription): void {
  if (hasClasses(data)) return;
  throw new MocoError('data-invalid', `kNN needs classes: put images of ${data.path} in one folder a class`);
}

/** Whether there is also a test split to judge a classifier by. */
export function canProbe(data: DatasetDescription): boolean {
  return hasClasses(data) && data.test !== null && data.testLabels !== null;
}

/**
 * Weighted kNN with the training images as the bank: of the test split, or leave-one-out without one.
 * @param embedded both splits, where they are embedded already
 * @throws MocoError data-invalid for data without classes
 */
export async function monitorKnn(options: MonitorOptions, embedded?: EmbeddedSplits): Promise<MonitorResult> {
  const { data, kernels, k, t } = options;
  const { trainLabels, testLabels } = data;
  requireClasses(data);
  const { train, test } = embedded ?? (await embedSplits(options));
  const classify = (kind: FeatureKind): Promise<KnnResult> => {
    const bank = ownRows(train, kind, trainLabels!);
    const dim = bank.features.length / bank.rows;
    const settings = { dim, classes: data.classes.length, k, t };
    if (!test || !testLabels) return knnLeaveOneOut(kernels, bank, settings);
    return knnClassify(kernels, bank, ownRows(test, kind, testLabels), settings);
  };
  return {
    backbone: await classify('backbone'),
    head: await classify('head'),
    bank: ownImages(train, trainLabels!),
    queries: test && testLabels ? ownImages(test, testLabels) : ownImages(train, trainLabels!),
  };
}
