/** The kNN monitor: how well the embeddings of now tell classes apart that training never saw. */
import type { DatasetDescription } from '../data/dataset.ts';
import type { DatasetSpec } from '../data/source.ts';
import type { Embeddings, FeatureKind } from '../encoder/embeddings.ts';
import { MocoError } from '../errors.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { embeddingBatch } from '../models/choose-network.ts';
import { ViewPool, type ViewPoolOptions } from '../scheduler/view-pool.ts';
import { type DatasetEmbeddings, embedDataset } from './embed-dataset.ts';
import { type KnnResult, knnClassify, knnLeaveOneOut } from './knn.ts';

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
  /** Which images are in the bank and which were asked about, row by row: those that can be decoded. */
  readonly bank: Uint32Array;
  readonly queries: Uint32Array;
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
    const bank = ownRows(train, kind, trainLabels);
    const dim = bank.features.length / bank.rows;
    const settings = { dim, classes: data.classes.length, k, t };
    if (!test || !testLabels) return knnLeaveOneOut(kernels, bank, settings);
    return knnClassify(kernels, bank, ownRows(test, kind, testLabels), settings);
  };
  return {
    backbone: await classify('backbone'),
    head: await classify('head'),
    bank: ownImages(train),
    queries: ownImages(test ?? train),
  };
}

export async function embedSplit(
  { views, embed }: Pick<MonitorOptions, 'views' | 'embed'>,
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

/** A corrupt image's row shows another one: that would be in the bank twice, and be its own nearest neighbor. */
function ownImages({ indices }: DatasetEmbeddings): Uint32Array {
  return indices.filter((index, row) => index === row);
}

export function ownRows(embeddings: DatasetEmbeddings, kind: FeatureKind, labels: Int32Array) {
  const images = ownImages(embeddings);
  const all = embeddings[kind];
  const dim = all.length / embeddings.indices.length;
  const features = new Float32Array(images.length * dim);
  images.forEach((image, row) => {
    features.set(all.subarray(image * dim, (image + 1) * dim), row * dim);
  });
  return { features, labels: Int32Array.from(images, (image) => labels[image]!), rows: images.length };
}
