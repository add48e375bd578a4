/** What can be said when an encoder is loaded. */
import { type Form, type Forms, oneOf, optional, options, whole } from '../arguments.ts';
import { FEATURE_KINDS, type FeatureKind } from '../encoder/embeddings.ts';
import { LIMITS, type ModelLimits } from '../onnx/limits.ts';
import { BACKENDS, type BackendRequest } from '../runtime/backend.ts';

/** For ONNX files that do not say it themselves. */
export interface PreprocessingOptions {
  /** Side in pixels of the square images that the encoder takes: 1 … 4096; default 224, where the model takes any. */
  readonly imageSize?: number;
  /** Of red, green and blue, of values 0 … 1; default ImageNet's. */
  readonly mean?: readonly [number, number, number];
  readonly std?: readonly [number, number, number];
}

export interface EncoderOptions extends PreprocessingOptions {
  /** Default 'auto', see `chooseBackend`. */
  readonly backend?: BackendRequest;
  /**
   * backbone: after the average pool, as it is; head: after the projection head, of unit length. Default backbone; an ONNX
   * file has one of them, which is its default.
   */
  readonly features?: FeatureKind;
  /** Encoder workers; by default as many as there are cores. Changes no number. */
  readonly workers?: number;
  /** What getting an ONNX file ready may take, by its number of nodes: 60 s by default. */
  readonly limits?: ModelLimits;
}

/** Of red, green and blue; which they may be, `modelNetwork` says. */
const THREE: Form = {
  give: 'three numbers, of red, green and blue',
  is: (value) => Array.isArray(value) && value.length === 3 && value.every(Number.isFinite),
};

export const ENCODER_OPTIONS: Forms<EncoderOptions> = {
  imageSize: optional(whole(1, 4096)),
  mean: optional(THREE),
  std: optional(THREE),
  backend: optional(oneOf(BACKENDS)),
  features: optional(oneOf(FEATURE_KINDS)),
  workers: optional(whole(1)),
  limits: optional(options(LIMITS)),
};
