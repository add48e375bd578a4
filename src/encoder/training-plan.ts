/**
 * What is run to train a network on groups of one size, as plain data: made once (make-plan.ts), posted to the workers, and
 * run by an Encoder.
 */
import type { RecomputeLevel } from '../autodiff/training-graphs.ts';
import type { ConvolutionShape } from '../kernels/convolution-shape.ts';
import type { EncodedModel } from './encoded-model.ts';

/** One run of a session. */
export interface GraphPart {
  readonly kind: 'graph';
  readonly model: EncodedModel;
  /** What it reads, by name. */
  readonly inputs: readonly string[];
  /** What some of these are made of weights by, once a step; null where all are read as they are. */
  readonly prepare: PreparingPart | null;
  /** wasm: what is run in its place, with calls of our kernels. */
  readonly pieces?: Pieces;
}

/** What gives the same as a graph, one after the other. */
export interface Pieces {
  /** Names of what the graph gives. */
  readonly outputs: readonly string[];
  /** Each with the names of what nobody reads after it. */
  readonly parts: readonly {
    readonly part: GraphPiece | KernelCall;
    readonly done: readonly string[];
  }[];
}

export interface GraphPiece {
  readonly kind: 'graph';
  readonly model: EncodedModel;
  readonly inputs: readonly string[];
}

/** A call of a kernel, on what a graph reads or pieces before it gave. */
export interface KernelCall {
  readonly kind: 'kernel';
  readonly inputs: readonly string[];
  readonly outputs: readonly NamedShape[];
  readonly operation: KernelOperation;
}

/** The operator of the node, whose inputs and outputs the call has, in their order. */
export type KernelOperation =
  /** `shape`: of the convolution, or of the one whose input gradient it is. */
  | { readonly operator: 'Conv' | 'ConvInputGradient'; readonly shape: ConvolutionShape }
  | {
      readonly operator: 'BatchNorm' | 'BatchNormAgain' | 'BatchNormBackward';
      /** `space`: values of a channel of an image. */
      readonly sizes: {
        readonly batch: number;
        readonly channels: number;
        readonly space: number;
        readonly epsilon: number;
      };
    }
  | { readonly operator: 'Relu' | 'ReluBackward' | 'Add' };

/** Weights → inputs of a part. */
export interface PreparingPart {
  readonly model: EncodedModel;
  readonly inputs: readonly string[];
}

interface Releasing {
  /** Names of what this part or one before it gave, and no part after it reads. */
  readonly releases: readonly string[];
}

/** A run of the backward pass: the whole network, a segment of it, or a piece of one. */
export interface BackwardRun extends GraphPart, Releasing {
  /** The input that takes the gradient of the embedding, or what the run before passed on; null within a segment. */
  readonly outputGradient: string | null;
  /** Weight and the output that is its gradient. */
  readonly gradients: readonly (readonly [weight: string, output: string])[];
  /** The output that is the next segment's output gradient; null where there is none, or it comes later. */
  readonly passedOn: string | null;
}

/** A call of the kernel conv-weight-gradient, on what runs before it gave or the forward pass has saved. */
export interface KernelPart {
  readonly kind: 'kernel';
  readonly weight: NamedShape;
  /** By name, with the batch as their first size. */
  readonly x: string;
  readonly dy: string;
  readonly convolution: Omit<ConvolutionShape, 'batch'>;
}

export type BackwardPart = BackwardRun | (KernelPart & Releasing);

export interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** What an encoder's runs take, counted from the shapes of their values before anything runs. */
export interface MemoryUse {
  /** What the backward pass computes again. */
  readonly level: RecomputeLevel;
  /** Bytes that one image keeps from forward to backward. */
  readonly keptPerImage: number;
  /** The most bytes that the values of one run take at one time, for all images of it. */
  readonly peak: number;
}

export interface TrainingPlan {
  /** Images of one group. */
  readonly groupSize: number;
  /** Groups of one run: row a·H + h of its batch is the a-th image of the h-th of these H groups. */
  readonly groupsAtOnce: number;
  readonly imageSize: number;
  /** Length of the embedding. */
  readonly dim: number;
  /** In the order of the network. */
  readonly parameters: readonly NamedShape[];
  /**
   * The outputs that are batch statistics: for each BatchNorm layer in graph order mean, then biased variance, [channels] of one group
   * after the other.
   */
  readonly statistics: readonly string[];
  /** Image and weights → embedding and statistics. */
  readonly forward: GraphPart;
  /** The same with the activations that the backward pass reads. */
  readonly trainingForward: GraphPart;
  /** In the order in which they run, from the embedding to the image. */
  readonly backward: readonly BackwardPart[];
  /** The folded form (see onnx/fold.ts), of any number of images: embedding and features. */
  readonly inference: GraphPart & { readonly weights: readonly NamedShape[] };
  readonly memory: MemoryUse;
}

/** Images of one run. */
export function rowsOf({
  groupSize,
  groupsAtOnce,
}: Pick<TrainingPlan, 'groupSize' | 'groupsAtOnce'>): number {
  return groupSize * groupsAtOnce;
}

/** All graphs, with names that can be those of files. */
export function partsOf(plan: TrainingPlan): readonly (readonly [name: string, part: GraphPart])[] {
  return [
    ['forward', plan.forward],
    ['training-forward', plan.trainingForward],
    ...plan.backward
      .filter((part) => part.kind === 'graph')
      .map((part, i) => [`backward-${i}`, part] as const),
    ['inference', plan.inference],
  ];
}
