import type { RgbImage } from '../data/image.ts';
import type { MemoryUse } from '../encoder/training-plan.ts';
import type { Backend } from '../runtime/backend.ts';
import type { Tiles } from '../scheduler/group-encoders.ts';
import type { PretrainConfig } from './configure.ts';

/** What a pre-training run tells, in order. `run`, `step`, `knn` and `probe` are the lines of the log (DESIGN: contracts). */
export type PretrainEvent =
  | RunEvent
  | StepEvent
  | EpochEvent
  | KnnEvent
  | TestEvent
  | ProbeEvent
  | NeighborsEvent
  | WatchEvent
  | SkippedEvent
  | CheckpointEvent
  | NoticeEvent
  | MeasuringEvent
  | EndEvent;

export interface RunEvent {
  type: 'run';
  config: PretrainConfig;
  versions: Record<string, string>;
  backend: Backend;
  adapter: string | null;
  stepsPerEpoch: number;
  totalSteps: number;
  /** What an encoder that says nothing has; null where a query chooses among nothing. */
  chance: Chance | null;
  /** What the runs of one encoder take, counted before the first; on wasm there is one a worker. */
  memory: MemoryUse;
  /** Groups that go through the network in one run: more than 1 on WebGPU alone, where they change the last digits. */
  groupsAtOnce: number;
  /** webgpu: the tiles of weight gradients, and how they were chosen. No bit depends on them. */
  tiles?: Tiles;
}

export interface Chance {
  /** Among how many answers a query chooses: 1 + K of MoCo, 2N − 1 of SimCLR, the classes. */
  choices: number;
  /** ln(choices) */
  loss: number;
  /** Percent. */
  acc1: number;
}

export interface StepEvent {
  type: 'step';
  /** Counted from 1 over the whole run. */
  step: number;
  /** Counted from 0. */
  epoch: number;
  loss: number;
  /** Percent of queries whose positive ranks first / among the first five of 1+K. */
  acc1: number;
  acc5: number;
  lr: number;
  /** Images of the batch over wall-clock seconds since the step before, everything included. */
  imagesPerSecond: number;
  /** Mean over dimensions of the standard deviation over the batch of unit queries; 1/√dim when they spread evenly. */
  embeddingStd: number;
  /** Until the end of the run, by the mean of the last steps with all that came between them; pauses do not count. */
  secondsLeft: number;
}

/** At the end of each epoch, of its last step. */
export interface EpochEvent {
  type: 'epoch';
  /** How many epochs were trained. */
  epoch: number;
  /** Of the gradient of the mean loss, without weight decay, over all parameters together. */
  gradientNorm: number;
  /** Of all parameters of the encoder that learns together. */
  weightNorm: number;
  /** Mean squared distance of positives at unit length, 0 … 4: 0 where views of an image are the same (arXiv:2005.10242); null without positives. */
  alignment: number | null;
  /** Of the embeddings of the batch at unit length, as in ProbeEvent. */
  uniformity: number;
  /** How many dimensions they take, as in ProbeEvent. */
  rankMe: number;
  /** Steps since the oldest key in the queue was encoded; null without a queue. */
  queueAge: number | null;
}

export interface KnnEvent {
  type: 'knn';
  /** How many epochs were trained: 0 for the untrained encoder. */
  epoch: number;
  /** Percent. */
  top1: number;
  k: number;
  t: number;
  features: 'backbone' | 'head';
}

/** Of a method that learns from labels, where there is a test split: after each kNN that is asked for, and at the end. */
export interface TestEvent {
  type: 'test';
  /** How many epochs were trained. */
  epoch: number;
  /** Percent of its images whose class is the first guess, or among the first five. */
  top1: number;
  top5: number;
}

/** A linear classifier fitted on the backbone's features of now, see evaluate/probe.ts. */
export interface ProbeEvent {
  type: 'probe';
  /** How many epochs were trained: 0 for the untrained encoder. */
  epoch: number;
  /** Percent of the test split. */
  top1: number;
  top5: number;
  /**
   * Of the test images' features at unit length (Wang & Isola, arXiv:2005.10242): 0 where all are the same, near −4 where they are
   * spread evenly.
   */
  uniformity: number;
  /** How many dimensions the features take (arXiv:2210.02574), from 1 to their length. */
  rankMe: number;
}

/** Told with the first and last kNN: some queries and their nearest images by the backbone, for people to look at. */
export interface NeighborsEvent {
  type: 'neighbors';
  /** How many epochs were trained. */
  epoch: number;
  /** Images of the test split (or of the training images, without one). */
  queries: number[];
  /** For each query, its nearest training images, nearest first. */
  neighbors: number[][];
}

/** What a run shows of itself where `watch` asks for it, see train/watch.ts. */
export interface WatchEvent {
  type: 'watch';
  /** Steps done: 0 before the first. */
  step: number;
  /** Of the batch of that step; before the first, of the batch to come. */
  pairs: WatchedPair[];
  /** Null where none was asked for. */
  sample: WatchedSample | null;
}

/** Two views of an image, as the encoders were given them. */
export interface WatchedPair {
  /** Which training image it is. */
  image: number;
  query: RgbImage;
  key: RgbImage;
}

export interface WatchedSample {
  /** Which training images, row by row: those asked for, or what takes the place of one that cannot be decoded. */
  images: number[];
  /** The backbone's features, not normalized; [images, dim]. */
  features: Float32Array;
  dim: number;
}

export interface SkippedEvent {
  type: 'skipped';
  path: string;
  reason: string;
}

export interface CheckpointEvent {
  type: 'checkpoint';
  step: number;
  path: string;
}

/** Before something is measured that may take a while: kNN, the linear probe, the accuracy on the test split. */
export interface MeasuringEvent {
  type: 'measuring';
  /** In words: 'kNN, probe'. */
  what: string;
  /** How many images are looked at. */
  images: number;
  /** Percent of the images whose class a guess gets right. */
  chance: number;
  /** How many epochs were trained. */
  epoch: number;
}

/** The last event of a run that ends without an error. */
export interface EndEvent {
  type: 'end';
  /** done: all steps of the configuration; aborted: `signal` fired before. */
  reason: 'done' | 'aborted';
  /** Steps done, over the whole run. */
  step: number;
}

export interface NoticeEvent {
  type: 'notice';
  message: string;
  /** Of those that explain the numbers of a run (train/notices.ts), each told once; absent where something went wrong, or is missing. */
  about?: 'chance' | 'queue' | 'collapse';
}
