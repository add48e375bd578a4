/** The encoders as the trainer sees them: whole groups in, kernel arrays and gradients out. */
import type { Embeddings } from '../encoder/encoder.ts';
import type { DeviceArray } from '../kernels/kernels.ts';

/** For each BatchNorm layer in graph order: mean [channels], then biased variance [channels]. */
export type GroupStatistics = readonly Float32Array[];

/** The gradients of one group, still where they were computed. */
export interface GroupGradients {
  /** sum ← gradients. */
  copyTo(sum: readonly DeviceArray[]): void;
  /** sum ← sum + gradients. */
  addTo(sum: readonly DeviceArray[]): void;
}

/**
 * Runs groups on as many encoders as there are, in the order in which they are given. Images are
 * [groupSize, 3, size, size]; a group's images are a promise, so that they can be made while others are encoded.
 */
export interface GroupEncoders {
  /** How many groups are encoded side by side. */
  readonly parallel: number;
  /** Shares the weights, in the order of the parameters. They are read at each later call, as they are then. */
  attachWeights(query: readonly DeviceArray[], key: readonly DeviceArray[]): Promise<void>;
  /** To be called once a step, before its first group: hands on weights where memory cannot be shared. */
  weightsChanged(role: 'query' | 'key'): Promise<void>;
  /** The key encoder on one group. `done` gets the embeddings [groupSize, dim], not normalised. */
  forwardKey(
    images: () => Promise<Float32Array>,
    done: (embedding: Float32Array) => void,
  ): Promise<GroupStatistics>;
  /**
   * The query encoder on one group, forward and backward. `loss` gets the embeddings [groupSize, dim], not normalised,
   * and gives the gradient of the loss with respect to them, in an array that it may use again after it returns.
   */
  trainQuery(
    images: () => Promise<Float32Array>,
    loss: (embedding: Float32Array) => DeviceArray,
  ): Promise<{ statistics: GroupStatistics; gradients: GroupGradients }>;
  /** Weights of the folded inference form, by name. */
  setInferenceWeights(values: ReadonlyMap<string, Float32Array>): Promise<void>;
  /** The inference form on any number of images. */
  embed(images: () => Promise<Float32Array>): Promise<Embeddings>;
  dispose(): Promise<void>;
}
