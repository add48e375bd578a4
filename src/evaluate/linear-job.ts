/** What a linear classifier is to be fitted on, and how. */
import { aboveZero, either, type Forms, oneOf, optional, whole, yesNo } from '../arguments.ts';
import { ENCODER_JOB, type EncoderJob } from './encoder-job.ts';
import type { FitSettings } from './fit.ts';

/** A linear classifier on the backbone's features (after the average pool, as they are). What is left out is PROTOCOL's. */
export interface LinearJob extends Omit<EncoderJob, 'features'>, Partial<Omit<FitSettings, 'learningRate'>> {
  /** A rate, or 'stable': the highest at which the classifier surely settles on features of this length (fit.ts). */
  learningRate?: number | 'stable';
  /**
   * false: features of freshly augmented images in each epoch (crop and flip); true: features of the center views, computed
   * once.
   */
  cache?: boolean;
}

const { features: _always, ...WITHOUT_FEATURES } = ENCODER_JOB;

export const LINEAR_JOB: Forms<LinearJob> = {
  ...WITHOUT_FEATURES,
  epochs: optional(whole(1)),
  batchSize: optional(whole(1)),
  seed: optional(whole(0, Number.MAX_SAFE_INTEGER)),
  learningRate: optional(either(aboveZero, oneOf(['stable']))),
  cache: optional(yesNo),
};
