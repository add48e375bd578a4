/**
 * BatchNormalization nodes of an encoder's graph. One that training moves has its running statistics as inputs of the
 * graph; a frozen one has them as constants, and says so by `training_mode` 0, which others leave out.
 */
import { floatAttribute } from './attributes.ts';
import type { Graph, Node } from './graph.ts';

/** Those whose running statistics training moves, in graph order. */
export function movingBatchNorms({ nodes }: Graph): Node[] {
  return nodes.filter((node) => node.op === 'BatchNormalization' && !isFrozenBatchNorm(node));
}

export function isFrozenBatchNorm({ op, attributes }: Node): boolean {
  return op === 'BatchNormalization' && attributes.training_mode === 0;
}

/** torch.nn.BatchNorm2d's default momentum. */
export const USUAL_MOMENTUM = 0.1;

/** Decimal digits that a float32 has: what a file holds of 0.99 is 0.9900000095. */
const DIGITS = 7;

/** How much of a batch goes into the running statistics. */
export function momentumOf(node: Node): number {
  return usualMomentum(floatAttribute(node, 'momentum', 0.9));
}

/** What PyTorch calls momentum: 1 minus ONNX's attribute, in the digits that both have. */
export function usualMomentum(kept: number): number {
  return Number((1 - Number(kept.toPrecision(DIGITS))).toPrecision(DIGITS));
}
