/** The encoders as the trainer sees them: whole runs of groups in, kernel arrays out. */
import type { Embeddings } from '../encoder/embeddings.ts';
import type { TrainingPlan } from '../encoder/training-plan.ts';
import type { TileChoice } from '../kernels/conv-tiles.ts';
import type { DeviceArray } from '../kernels/device-array.ts';

/**
 * Arrays that one run has computed, still where they were computed. One that is several times as long as its target or sum has a row
 * for each group of the run, and stands for the sum of these, in the order of the groups.
 */
export interface GroupArrays {
  /** targets ← these. */
  copyTo(targets: readonly DeviceArray[]): void;
  /** sums ← sums + these. */
  addTo(sums: readonly DeviceArray[]): void;
  /** The values, until they are released; left out where they are in a GPU's memory. */
  readonly values?: readonly Float32Array[];
  /** Gives their memory back; to be called once, whether they were used or not. */
  release(): void;
}

/** Arrays that sum up those of groups. */
export interface ArraySum {
  readonly arrays: readonly DeviceArray[];
  /** Whether there is a sum: the first group's arrays take the place of what was there. */
  begun: boolean;
}

/** The tiles by which WebGPU computes weight gradients (kernels/conv-tiles.ts), and how they were chosen. */
export interface Tiles {
  /** By a measurement at the beginning of the run, of an earlier one, or by the usual table. */
  readonly how: 'measured' | 'kept' | 'usual';
  readonly choice: TileChoice;
}

/**
 * Runs groups on as many workers as there are, in the order in which they are given. An encoder is known by its name: all
 * have one network, each has weights of its own. A run is of one group, or of as many as `plan.groupsAtOnce` says, with their
 * rows interleaved. Images are [rows, 3, size, size]; a run's images are a promise, so that they can be made while others are
 * encoded. Statistics are, for each BatchNorm layer in graph order, mean [channels] and biased variance [channels] of each group
 * of the run.
 */
export interface GroupEncoders {
  /** How many runs are made side by side. */
  readonly parallel: number;
  /** What they run. */
  readonly plan: TrainingPlan;
  /** webgpu: what computes its weight gradients. */
  readonly tiles?: Tiles;
  /** Shares an encoder's weights, in the order of the parameters. They are read at each later call, as they are then. */
  attachWeights(encoder: string, weights: readonly DeviceArray[]): Promise<void>;
  /** To be called once a step, before the encoder's first group: hands on weights where memory cannot be shared. */
  weightsChanged(encoder: string): Promise<void>;
  /**
   * An encoder on the groups of one run, without activations kept. `done` gets the embeddings [rows, dim], not normalized,
   * for as long as it runs.
   */
  forward(
    encoder: string,
    images: () => Promise<Float32Array>,
    done: (embedding: DeviceArray) => void,
  ): Promise<GroupArrays>;
  /**
   * An encoder on the groups of one run, forward and backward. `loss` gets the embeddings [rows, dim], not normalized, for as
   * long as it runs, and gives the gradient of the loss with respect to them, in an array that it may use again for the next
   * run. It is called once `ready` is fulfilled, which may wait for runs that were given before.
   * @param sum of the gradients of all runs. Encoders that make one run after the other, in the order in which they are given, add
   * to it what they compute, and give no gradients
   * @param embedded gets the embeddings as soon as they are there. With it `ready` may wait for runs given later, of which
   * as many are kept at once as the encoders were started for (`together`)
   */
  train(
    encoder: string,
    images: () => Promise<Float32Array>,
    ready: Promise<unknown>,
    loss: (embedding: DeviceArray) => DeviceArray,
    sum: ArraySum,
    embedded?: (embedding: DeviceArray) => void,
  ): Promise<{ statistics: GroupArrays; gradients: GroupArrays | null }>;
  /** Weights of the folded inference form, by name. */
  setInferenceWeights(values: ReadonlyMap<string, Float32Array>): Promise<void>;
  /** The inference form on any number of images. */
  embed(images: () => Promise<Float32Array>): Promise<Embeddings>;
  dispose(): Promise<void>;
}
