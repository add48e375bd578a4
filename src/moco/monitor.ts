/** The kNN monitor: how well the embeddings of now tell classes apart that training never saw. */
import type { DatasetDescription, DatasetSpec } from '../data/dataset.ts';
import type { Embeddings } from '../encoder/encoder.ts';
import { MocoError } from '../errors.ts';
import { type KnnResult, knnClassify, knnLeaveOneOut } from '../eval/knn.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { ViewPool, type ViewPoolOptions } from '../scheduler/view-pool.ts';
import { type DatasetEmbeddings, embedDataset } from './embed-dataset.ts';
import { embeddingBatch } from './network.ts';

export type FeatureKind = 'backbone' | 'head';

export interface MonitorOptions {
  readonly kernels: Kernels;
  readonly data: DatasetDescription;
  readonly views: ViewPoolOptions;
  readonly embed: (images: () => Promise<Float32Array>) => Promise<Embeddings>;
  readonly k: number;
  readonly t: number;
}

export interface MonitorResult {
  readonly backbone: KnnResult;
  readonly head: KnnResult;
  /** Images in the bank and images asked about; equal for leave-one-out. */
  readonly bank: number;
  readonly queries: number;
}

/** Whether the data has classes to be told apart. */
export function hasClasses(data: DatasetDescription): boolean {
  return data.trainLabels !== null && data.classes.length > 1;
}

/**
 * Weighted kNN with the training images as the bank: of the test split, or leave-one-out without one.
 * @throws MocoError data-invalid for data without classes
 */
export async function monitorKnn(options: MonitorOptions): Promise<MonitorResult> {
  const { data, kernels, k, t } = options;
  const { trainLabels, testLabels } = data;
  if (!trainLabels || !hasClasses(data)) {
    throw new MocoError(
      'data-invalid',
      `kNN needs classes: put images of ${data.path} in one folder a class`,
    );
  }
  const train = await embedSplit(options, data.train, data.trainLength);
  const test = data.test && testLabels ? await embedSplit(options, data.test, data.testLength) : null;
  const classify = (kind: FeatureKind): Promise<KnnResult> => {
    const bank = rowsOf(train, kind, trainLabels);
    const dim = bank.features.length / bank.rows;
    const settings = { dim, classes: data.classes.length, k, t };
    if (!test || !testLabels) return knnLeaveOneOut(kernels, bank, settings);
    return knnClassify(kernels, bank, rowsOf(test, kind, testLabels), settings);
  };
  return {
    backbone: await classify('backbone'),
    head: await classify('head'),
    bank: data.trainLength,
    queries: test ? data.testLength : data.trainLength,
  };
}

async function embedSplit(
  { views, embed }: MonitorOptions,
  spec: DatasetSpec,
  length: number,
): Promise<DatasetEmbeddings> {
  const pool = await ViewPool.start(spec, views);
  try {
    return await embedDataset(pool, embed, length, embeddingBatch(views.imageSize));
  } finally {
    await pool.dispose();
  }
}

function rowsOf(embeddings: DatasetEmbeddings, kind: FeatureKind, labels: Int32Array) {
  const { indices } = embeddings;
  return {
    features: embeddings[kind],
    labels: Int32Array.from(indices, (index) => labels[index]!),
    rows: indices.length,
  };
}
