/**
 * What a method is: which encoders it has, what it keeps from step to step, and what a step does. train/ runs it: it knows
 * groups, workers, the gate, the optimizer and checkpoints, of which a method knows nothing.
 */
import type { StateSpec } from '../checkpoint/state-spec.ts';
import type { DeviceArray } from '../kernels/device-array.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { Stream } from '../random.ts';
import type { Settings } from '../settings/settings.ts';

export interface EncoderRole {
  /** Prefix of its tensors in a checkpoint. */
  readonly name: string;
  /** Whether the optimizer changes its parameters. One encoder learns: the first of a method. */
  readonly learns: boolean;
  /** It begins as a copy of this one. */
  readonly startsAs?: string;
}

/** @typeParam S the settings that it needs: all, and those that it has of its own */
export interface Method<S extends Settings = Settings> {
  readonly encoders: readonly EncoderRole[];
  /** How many views of an image go through an encoder together, in one BatchNorm group (SimCLR: both). 1 where left out. */
  readonly viewsTogether?: number;
  /** How many times an image of the batch is reported: as often as it is asked about. Once where left out. */
  reports?(settings: S): number;
  /** Among how many answers a query chooses: one that says nothing has loss ln(choices), and is right once in so many. */
  choices?(settings: S): number;
  /**
   * Where the positives of the images' first reports are, for metrics: the name of a batch with rows of unit length, or
   * 'reports': the images' second reports.
   */
  readonly positives?: string;
  /** Whether a step calls `trainTogether`. */
  together?(settings: S): boolean;
  /** What it keeps from step to step besides its encoders. */
  state(settings: S): StateSpec;
  /** Changes parameters before the first forward of a step. */
  begin?(step: Step<S>): void;
  /** The encoders that `begin` changes: put back where the step goes bad. */
  readonly changedByBegin?: readonly string[];
  /** Forward and train of a step, over all groups, with a report of every image. */
  run(step: Step<S>): Promise<void>;
  /** Changes its state once the step is taken: behind the gate. */
  commit?(step: Step<S>): void;
}

/** One view, or as many as `viewsTogether` says. */
export type Views = Stream | readonly Stream[];

/**
 * What an encoder has made of the images of one group, or of several that go through it at once, for as long as the function
 * runs that is given it.
 */
export interface GroupRows {
  /** Rows: images times views; those of the first view come first. All calls of a step have as many. */
  readonly count: number;
  /** [count, C], not normalized. */
  readonly embedding: DeviceArray;
  /** Row by row, where it is in the batch: v·N + the image's position, of view v = 0, 1, … */
  readonly positions: Uint32Array;
  /** Row by row, the class of the image that is shown; null where the data has none. */
  readonly labels: Uint32Array | null;
}

/** Rows of all groups, [V·N, C] in batch order, view after view; complete once each group has put its own. */
export interface BatchRows {
  readonly rows: DeviceArray;
  put(values: DeviceArray, positions: Uint32Array): void;
  /** target [positions.length, C] ← the rows at these positions. */
  take(target: DeviceArray, positions: Uint32Array): void;
}

export interface ForwardOptions {
  /** Of the images: a permutation of the batch, see groups.ts. */
  readonly order?: Uint32Array;
  /** Whether it counts for the running statistics of BatchNorm; by default it does. */
  readonly statistics?: boolean;
}

export interface TrainOptions {
  /** As in ForwardOptions. */
  readonly statistics?: boolean;
}

/** What some rows tell of the step: they enter its means. */
export interface Report {
  /** [n] */
  readonly loss: DeviceArray;
  /** [n] How many wrong answers were preferred to the right one (whole numbers): acc1 counts 0, acc5 those below 5. */
  readonly rank: DeviceArray;
  /** [n, C] of unit length: their spread is told. */
  readonly embedding: DeviceArray;
}

/** One step, as a method sees it. */
export interface Step<S extends Settings = Settings> {
  readonly device: Kernels;
  /** [1]: 0 once a step has gone bad. What `begin` and `commit` change has to depend on it. */
  readonly gate: DeviceArray;
  readonly settings: S;
  /** C: length of an embedding. */
  readonly dim: number;
  /** What `Method.state` names. */
  readonly state: {
    tensor(name: string): DeviceArray;
    counter(name: string): number;
    setCounter(name: string, value: number): void;
  };
  /** Those of an encoder, in the order of the network. */
  parameters(encoder: string): readonly DeviceArray[];
  /** A permutation of the batch, another one for each step and each number. */
  permutation(number: number): Uint32Array;
  /** Working memory of that length, the same at each call with the same name. */
  scratch(name: string, length: number): DeviceArray;
  /** The rows of that name. */
  batch(name: string): BatchRows;
  /** Runs all groups of the batch through an encoder; no activations are kept. */
  forward(
    encoder: string,
    views: Views,
    take: (group: GroupRows) => void,
    options?: ForwardOptions,
  ): Promise<void>;
  /**
   * Forward, loss and backward of all groups. Gradients of all calls of a step are summed.
   * @param ready to be waited for before the first loss
   * @param loss gives the gradient [n, C] with respect to the embeddings of a group, in memory that it may use again
   */
  train(
    encoder: string,
    views: Views,
    ready: Promise<unknown>,
    loss: (group: GroupRows) => DeviceArray,
    options?: TrainOptions,
  ): Promise<void>;
  /**
   * As `train`, with the activations of all groups kept at once: all groups forward, each given to `take`; then `all`; then
   * all backward.
   */
  trainTogether(
    encoder: string,
    views: Views,
    take: (group: GroupRows) => void,
    all: () => void,
    loss: (group: GroupRows) => DeviceArray,
  ): Promise<void>;
  /** To be called with what is there for each of the N·`reports` rows: r·N + position, for report r = 0, 1, … of an image. */
  report(values: Report, rows: Uint32Array): void;
}
