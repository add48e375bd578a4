/** What can be said when a model is read. */
import {
  callback,
  either,
  type Forms,
  listOf,
  oneOf,
  optional,
  options,
  text,
  whole,
} from '../../arguments.ts';
import type { ExternalData } from '../external-data.ts';
import { LIMITS, type ModelLimits } from '../limits.ts';
import type { InputOptions } from './inputs.ts';
import type { Choice } from './weights.ts';

export interface ImportOptions extends InputOptions, Choice {
  /** Reads files beside the model, where it keeps its weights there. */
  readonly externalData?: ExternalData;
  /** What reading it may take. */
  readonly limits?: ModelLimits | undefined;
}

export const IMPORT_OPTIONS: Forms<ImportOptions> = {
  batch: optional(either(whole(1), oneOf(['open']))),
  imageSize: optional(whole(1, 65536)),
  externalData: optional(callback),
  frozen: optional(listOf(text(), 'names')),
  train: optional(listOf(text(), 'names')),
  limits: optional(options(LIMITS)),
};
