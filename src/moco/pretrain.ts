import type { LoadedCheckpoint } from '../checkpoint/run-directory.ts';
import type { DatasetDescription } from '../data/dataset.ts';
import { MocoError } from '../errors.ts';
import type { BackendRequest } from '../runtime/backend.ts';
import type { PretrainConfig } from './config.ts';
import type { PretrainEvent } from './events.ts';

export interface PretrainOptions {
  config: PretrainConfig;
  data: DatasetDescription;
  /** Where the data lies, for the checkpoint (SamplerState.path); null: images that the package draws. */
  dataPath: string | null;
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
