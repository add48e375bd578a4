import type { LoadedCheckpoint } from '../checkpoint/run-directory.ts';
import { MocoError } from '../errors.ts';
import type { BackendRequest } from '../runtime/backend.ts';
import type { PretrainConfig } from './config.ts';
import type { PretrainEvent } from './events.ts';

/** What is known of a data set before its images are read. */
export interface DatasetDescription {
  kind: string;
  path: string;
  /** Training images. */
  images: number;
  /** Side in pixels, where all images have the same. */
  imageSize?: number;
}

export interface PretrainOptions {
  config: PretrainConfig;
  /** null: images that the package draws. */
  data: DatasetDescription | null;
  backend: BackendRequest;
  workers?: number;
  /** In epochs. */
  knnEvery?: number;
  /** In steps. */
  checkpointEvery?: number;
  /** Run directory; without it nothing is saved. */
  out?: string;
  resume?: LoadedCheckpoint;
  signal?: AbortSignal;
}

/** A whole run, as events. Placeholder: the trainer takes its place. */
// biome-ignore lint/correctness/useYield: nothing to tell yet
export async function* pretrain(_options: PretrainOptions): AsyncGenerator<PretrainEvent> {
  throw new MocoError('backend-unavailable', 'pretrain: the trainer is not connected yet');
}
