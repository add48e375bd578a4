/** What an encoder of a checkpoint is to be run on. */
import { type Forms, oneOf, optional, record, whole } from '../arguments.ts';
import { CHECKPOINT } from '../checkpoint/contents.ts';
import type { LoadedCheckpoint } from '../checkpoint/run-directory.ts';
import type { DatasetDescription } from '../data/dataset.ts';
import { DATASET } from '../data/dataset-form.ts';
import { FEATURE_KINDS, type FeatureKind } from '../encoder/embeddings.ts';
import { BACKENDS, type BackendRequest } from '../runtime/backend.ts';
import type { ViewPoolOptions } from '../scheduler/view-pool.ts';

/** Images through the encoder of a checkpoint (encoder_q, running statistics). */
export interface EncoderJob {
  /** From `loadCheckpoint`. */
  checkpoint: LoadedCheckpoint;
  /** From `describeDataset` or `describeDrawn`; images of any size, they are resized to the encoder's. */
  data: DatasetDescription;
  /** By default what `chooseBackend` gives for 'auto'. */
  backend?: BackendRequest;
  /** Encoder workers; by default as many as there are cores. Changes no number. */
  workers?: number;
  /** backbone: after the average pool; head: after the projection head. Rows of head are brought to unit length. */
  features: FeatureKind;
  /** Told, as they are met, of images that cannot be read or decoded, and of what had to be assumed of others. Not on a page's thread. */
  reports?: Pick<ViewPoolOptions, 'skipped' | 'tell'>;
}

export const ENCODER_JOB: Forms<EncoderJob> = {
  checkpoint: CHECKPOINT,
  data: DATASET,
  backend: optional(oneOf(BACKENDS)),
  workers: optional(whole(1)),
  features: oneOf(FEATURE_KINDS),
  reports: optional(record),
};
