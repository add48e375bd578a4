/** The two splits of a data set through an encoder, and which of their rows may be judged. */
import type { DatasetDescription } from '../data/dataset.ts';
import type { DatasetSpec } from '../data/sources/source.ts';
import type { Embeddings, FeatureKind } from '../encoder/embeddings.ts';
import { MocoError } from '../errors.ts';
import { embeddingBatch } from '../models/choose-network.ts';
import { ViewPool, type ViewPoolOptions } from '../scheduler/view-pool.ts';
import { type BatchShare, type DatasetEmbeddings, embedDataset } from './embed-dataset.ts';
import type { LabeledRows } from './linear-classifier.ts';

export interface EmbedOptions {
  readonly data: DatasetDescription;
  readonly views: ViewPoolOptions;
  /** The inference form of an encoder, see GroupEncoders.embed. */
  readonly embed: (images: () => Promise<Float32Array>) => Promise<Embeddings>;
  /** Who else embeds the same. */
  readonly share?: BatchShare;
}

export interface EmbeddedSplits {
  readonly train: DatasetEmbeddings;
  /** Null where the data has no test split with labels. */
  readonly test: DatasetEmbeddings | null;
}

export interface LabeledSplit {
  readonly spec: DatasetSpec;
  /** [length] */
  readonly labels: Int32Array;
  readonly length: number;
}

/**
 * Both splits of data that a classifier can learn from and be judged by.
 * @param what needs them, for messages
 * @throws MocoError data-invalid without classes or without a test split
 */
export function labeledSplits(
  data: DatasetDescription,
  what: string,
): { readonly train: LabeledSplit; readonly test: LabeledSplit } {
  const { path, classes, train, trainLabels, trainLength, test, testLabels, testLength } = data;
  if (!trainLabels || classes.length < 2) {
    throw new MocoError('data-invalid', `${what} needs classes: put images of ${path} in one folder a class`);
  }
  if (!test || !testLabels) {
    const why = data.testProblem ? `: ${data.testProblem}` : '';
    throw new MocoError(
      'data-invalid',
      `${what} needs a test split with classes, which ${path} does not have${why}`,
    );
  }
  return {
    train: { spec: train, labels: trainLabels, length: trainLength },
    test: { spec: test, labels: testLabels, length: testLength },
  };
}

/** Evaluation views of all images. @throws as embedDataset and ViewPool do */
export async function embedSplits(options: EmbedOptions): Promise<EmbeddedSplits> {
  const { data } = options;
  const train = await embedSplit(options, data.train, data.trainLength);
  const test = data.test && data.testLabels ? await embedSplit(options, data.test, data.testLength) : null;
  return { train, test };
}

/** Evaluation views of one split. */
export async function embedSplit(
  { views, embed, share }: Omit<EmbedOptions, 'data'>,
  spec: DatasetSpec,
  length: number,
): Promise<DatasetEmbeddings> {
  const pool = await ViewPool.start(spec, views);
  try {
    return await embedDataset(pool, embed, length, embeddingBatch(views.imageSize), share);
  } finally {
    await pool.dispose();
  }
}

/**
 * The images that have a class and show themselves. A corrupt image's row shows another one: that would be in the bank twice, and be
 * its own nearest neighbor.
 */
export function ownImages({ indices }: DatasetEmbeddings, labels: Int32Array): Uint32Array {
  return indices.filter((index, row) => index === row && labels[row]! >= 0);
}

/** The rows of those. */
export function ownRows(
  embeddings: DatasetEmbeddings,
  kind: FeatureKind,
  labels: Int32Array,
): LabeledRows & { readonly rows: number } {
  const images = ownImages(embeddings, labels);
  const all = embeddings[kind];
  const dim = all.length / embeddings.indices.length;
  const features = new Float32Array(images.length * dim);
  images.forEach((image, row) => {
    features.set(all.subarray(image * dim, (image + 1) * dim), row * dim);
  });
  return { features, labels: Int32Array.from(images, (image) => labels[image]!), rows: images.length };
}
