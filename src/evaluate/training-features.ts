/** The features that a linear classifier learns from: computed once, or anew in each epoch. */
import { cropAndFlipLike } from '../data/augment/recipes.ts';
import { embeddingBatch } from '../models/choose-network.ts';
import { STREAMS } from '../random.ts';
import { ViewPool } from '../scheduler/view-pool.ts';
import { embedDataset } from './embed-dataset.ts';
import type { FitSettings } from './fit.ts';
import type { LabeledRows } from './linear-classifier.ts';
import { type EmbedOptions, embedSplit, type LabeledSplit, ownRows } from './splits.ts';

/** Batches of images whose features are in memory at once, where they are computed anew. */
const BATCHES_AT_ONCE = 16;

/** Where the features of training images come from. */
export interface TrainingFeatures {
  readonly images: number;
  /** The rows of an epoch in pieces; of each, `order` says which of them to take in turn. */
  epoch(epoch: number, order: Uint32Array): AsyncIterable<{ rows: LabeledRows; order: Uint32Array }>;
  dispose(): Promise<void>;
}

/** Of the center views, once. */
export async function cachedFeatures(
  options: Omit<EmbedOptions, 'data'>,
  { spec, labels, length }: LabeledSplit,
): Promise<TrainingFeatures> {
  const rows = ownRows(await embedSplit(options, spec, length), 'backbone', labels);
  return {
    images: rows.rows,
    async *epoch(_, order) {
      yield { rows, order };
    },
    async dispose() {},
  };
}

/**
 * Of images that are augmented anew in each epoch, by crop and flip: the next piece is encoded while the classifier learns
 * from one.
 */
export async function augmentedFeatures(
  { views, embed }: Omit<EmbedOptions, 'data'>,
  { spec, labels, length }: LabeledSplit,
  { batchSize, seed }: FitSettings,
): Promise<TrainingFeatures> {
  const recipe = cropAndFlipLike(views.recipe);
  const pool = await ViewPool.start(spec, { ...views, recipe, seed });
  const batch = embeddingBatch(views.imageSize);
  // Whole steps, so that pieces change no number.
  const piece = batchSize * Math.ceil((BATCHES_AT_ONCE * batch) / batchSize);
  return {
    images: length,
    async *epoch(epoch, order) {
      const encode = async (start: number) => {
        const wanted = order.subarray(start, start + piece);
        const plain = (rows: Uint32Array) =>
          pool.views(
            epoch,
            rows.map((row) => wanted[row]!),
            STREAMS.linearView,
          );
        const { backbone, indices } = await embedDataset({ plain }, embed, wanted.length, batch);
        // A corrupt image's row shows another one, with that one's label.
        return { features: backbone, labels: Int32Array.from(indices, (image) => labels[image]!) };
      };
      let next = encode(0);
      try {
        for (let start = 0; start < length; start += piece) {
          const rows = await next;
          if (start + piece < length) next = encode(start + piece);
          yield { rows, order: Uint32Array.from(rows.labels, (_, row) => row) };
        }
      } finally {
        // Left early, its encoders are not to be ended under it.
        await next.catch(() => {});
      }
    },
    dispose: () => pool.dispose(),
  };
}
