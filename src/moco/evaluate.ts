import type { LoadedCheckpoint } from '../checkpoint/run-directory.ts';
import type { DatasetDescription } from '../data/dataset.ts';
import { MocoError } from '../errors.ts';

/** Images through the encoder of a checkpoint (encoder_q, running statistics). */
export interface EncoderJob {
  checkpoint: LoadedCheckpoint;
  data: DatasetDescription;
  backend: 'wasm' | 'webgpu';
  workers?: number;
  /** backbone: after the average pool; head: after the projection head, unit length. */
  features: 'backbone' | 'head';
}

export interface EmbeddingRow {
  /** Place of the image in the data set. */
  index: number;
  /** Its file; null where images have none of their own. */
  path: string | null;
  /** Class; null where there are none. */
  label: number | null;
  vector: Float32Array;
}

export interface KnnOutcome {
  /** Percent. */
  top1: number;
  k: number;
  t: number;
  /** Images in the bank and images asked about; equal for leave-one-out. */
  bank: number;
  queries: number;
}

/** Embeddings of the images of a data set, in its order. Placeholder: the encoder takes its place. */
// biome-ignore lint/correctness/useYield: nothing to tell yet
export async function* embedImages(_job: EncoderJob): AsyncGenerator<EmbeddingRow> {
  throw new MocoError('backend-unavailable', 'embed: the encoder is not connected yet');
}

/** Weighted kNN: the bank is the training images, the queries the test split. Placeholder as above. */
export async function knnOfCheckpoint(_job: EncoderJob, _k: number, _t: number): Promise<KnnOutcome> {
  throw new MocoError('backend-unavailable', 'knn: the encoder is not connected yet');
}
