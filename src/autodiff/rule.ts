import type { Attributes, ElementType, GraphBuilder, Node, Shape, Value } from '../onnx/graph.ts';
import type { Convolution } from './images.ts';
import type { Lowering } from './lowering.ts';

/** What a rule sees while a graph is written for a provider. */
export interface LoweringScope {
  readonly g: GraphBuilder;
  readonly lowering: Lowering;
  shape(name: string): Shape;
  /** The whole numbers of an input that is a constant: axes, a target shape, slice bounds. */
  ints(name: string | undefined): readonly number[] | undefined;
}

/** What a rule sees while the forward graph is written. */
export interface ForwardScope extends LoweringScope {
  /** Declares a value that only the lowered graph has, so that the backward graph may ask for it. */
  declare(name: string, shape: Shape): string;
  /** Declares the batch statistics that a BatchNormalization computed. */
  statistics(entry: BatchStatistics): void;
}

/** What a rule sees while the backward graph is written. */
export interface BackwardScope extends LoweringScope {
  /** A value of the forward graph, under its own name: a weight, or saved, or computed again. */
  value(name: string): string;
  /** The element type of a value of the forward graph. */
  type(name: string): ElementType;
  /** Whether the gradient with respect to this value is needed. */
  wants(name: string): boolean;
  /**
   * Leaves the gradient of a convolution's weight to a kernel. False where the graph has to compute it: always, unless it is
   * differentiated for kernels, and where the weight is used elsewhere, or computed.
   * @param x input of the convolution, in the forward graph
   * @param dy gradient of its output, in this one
   */
  leaveToKernel(weight: string, x: string, dy: Value, convolution: Convolution): boolean;
  /** The gradient that has arrived at a value, null for one that influences no output: for nodes with several outputs. */
  gradientOf(name: string): string | null;
}

export interface BatchStatistics {
  /** The node's name, e.g. `layer1.0.bn1`. */
  readonly name: string;
  readonly channels: number;
  /** Output of the forward graph: mean over the group, [channels]. */
  readonly mean: string;
  /** Output of the forward graph: biased variance over the group, [channels]. */
  readonly variance: string;
  /** H·W: the group's count is this times its images. */
  readonly elementsPerImage: number;
}

export type Cheapness = 'one-pass' | 'cheap';

/** How one operator is run forward and differentiated. */
export interface Rule {
  /** Appends the node in a form that the provider runs right; without it the node itself is appended. */
  lower?(node: Node, scope: LoweringScope): void;
  /** Appends what computes the node's outputs in training, where that is something else. */
  forward?(node: Node, scope: ForwardScope): void;
  /**
   * Whether the backward pass may compute the outputs again instead of having them kept. `one-pass`: one pass over
   * values that are kept anyway, done always. `cheap`: worth its time only where memory is short. Absent: never. May
   * depend on which inputs are given: weights, constants, inputs of the graph.
   */
  readonly cheap?: Cheapness | ((node: Node, isGiven: (name: string) => boolean) => Cheapness);
  /** Appends what computes the outputs again, where that is not the node itself (lowered) on its inputs. */
  recompute?(node: Node, scope: BackwardScope): void;
  /** The values that `recompute` reads, by default the node's inputs. */
  recomputeFrom?(node: Node): readonly string[];
  /**
   * The gradient for each input; null where there is none or none is wanted.
   * @param dOutput gradient of the first output; for a node with several, `scope.gradientOf` has each
   */
  backward(node: Node, dOutput: string, scope: BackwardScope): readonly (string | null)[];
}

/** Reshape to fixed sizes (0 keeps a size, −1 takes the rest). */
export function reshape(g: GraphBuilder, x: string, shape: readonly number[], output?: string): string {
  return g.op('Reshape', [x, g.ints(shape)], {}, output);
}

export function transpose(g: GraphBuilder, x: string, perm: readonly number[]): string {
  return g.op('Transpose', [x], { perm });
}

/** Sum over the axes (ReduceSum takes them as an input since opset 13). */
export function reduceSum(
  g: GraphBuilder,
  x: string,
  axes: readonly number[],
  keep = false,
  output?: string,
): string {
  return g.op('ReduceSum', [x, g.ints(axes)], { keepdims: keep ? 1 : 0 }, output);
}

/**
 * Σ over batch and space of an [N, C, H, W] tensor (or one of another rank) → [C], one axis after the other: each value passes through sums of
 * W, H and N terms instead of one of N·H·W, which bounds the rounding error by their total instead of their product,
 * and on wasm it is twice as fast besides.
 */
export function channelSum(g: GraphBuilder, x: string, rank = 4): string {
  let sum = x;
  for (let axis = rank - 1; axis >= 2; axis--) sum = reduceSum(g, sum, [axis]);
  return reduceSum(g, sum, [0]);
}

/**
 * 1 / (N·H·W) as a scalar, computed in the graph where the batch is dynamic. The WebGPU provider has no Size and converts
 * no whole numbers: there, the ones are counted that the first value of each image is turned into.
 */
export function inverseCount(
  { g, lowering }: { readonly g: GraphBuilder; readonly lowering: Lowering },
  x: string,
  shape: Shape,
): string {
  const [batch, channels, ...space] = shape;
  const plane = space.reduce<number>((product, size) => product * Number(size), 1);
  if (typeof batch === 'number') return g.scalar(1 / (plane * batch));
  if (lowering.provider === 'webgpu') {
    const axes = [...shape.keys()];
    const inner = axes.slice(1);
    const [start, end] = [0, 1].map((at) => g.ints(inner.map(() => at)));
    const first = g.op('Slice', [x, start!, end!, g.ints(inner)]);
    const ones = g.op('Add', [g.op('Mul', [first, g.scalar(0)]), g.scalar(1)]);
    const images = reduceSum(g, ones, axes);
    return g.op('Div', [g.scalar(1 / plane), images]);
  }
  const size = g.op('Cast', [g.op('Size', [x])], { to: 1 });
  return g.op('Div', [g.scalar(Number(channels)), size]);
}

/** Appends one node with a name of its own under the output's name. */
export function copyNode(g: GraphBuilder, node: Node, attributes: Attributes = node.attributes): void {
  g.node({ ...node, attributes });
}
