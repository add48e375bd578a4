/** Means over batch and space, channel by channel: [N, C, …] → [C]. */
import type { GraphBuilder, Shape } from '../onnx/graph.ts';
import type { Lowering } from './lowering.ts';
import { channelSum, inverseCount, reduceSum } from './rule.ts';

interface MeanScope {
  readonly g: GraphBuilder;
  readonly lowering: Lowering;
}

/** Whether sums over the space are one node, and those over the batch a product: where nodes cost more than their work. */
export function isShort({ lowering }: MeanScope, [batch]: Shape): boolean {
  return lowering.shortMeans && typeof batch === 'number';
}

export function channelMean(scope: MeanScope, x: string, shape: Shape, output?: string): string {
  const { g } = scope;
  if (isShort(scope, shape)) return overImages(scope, spaceSum(g, x, shape), shape, output);
  return g.op('Mul', [channelSum(g, x, shape.length), inverseCount(scope, x, shape)], {}, output);
}

/** Of the squares of the values. */
export function channelMeanOfSquares(scope: MeanScope, x: string, shape: Shape, output?: string): string {
  const { g } = scope;
  const axes = spaceOf(shape);
  if (!isShort(scope, shape) || axes.length === 0) {
    return channelMean(scope, g.op('Mul', [x, x]), shape, output);
  }
  return overImages(scope, g.op('ReduceSumSquare', [x], { axes, keepdims: 0 }), shape, output);
}

/** How many values of a channel there are, of a batch that is a number. */
export function countOf([batch, , ...space]: Shape): number {
  return space.reduce<number>((product, size) => product * Number(size), Number(batch));
}

const spaceOf = (shape: Shape) => [...shape.keys()].slice(2);

function spaceSum(g: GraphBuilder, x: string, shape: Shape): string {
  const axes = spaceOf(shape);
  return axes.length === 0 ? x : reduceSum(g, x, axes);
}

/**
 * [N, C] sums over the space of an image → [C], by a product with N times 1 over the count: one node. The WebGPU provider
 * would transpose for a sum over the first axis.
 */
function overImages({ g }: MeanScope, sums: string, shape: Shape, output?: string): string {
  return g.op('MatMul', [g.filled(Number(shape[0]), 1 / countOf(shape)), sums], {}, output);
}
