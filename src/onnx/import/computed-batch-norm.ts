/**
 * A BatchNormalization without running statistics of its own: its mean and variance are computed, from a batch (a layer that
 * tracks none) or from weights (weight standardization). Written in its parts, so that gradients pass those too.
 */
import { floatAttribute } from '../attributes.ts';
import type { Node } from '../graph.ts';
import { channelsAxis } from '../shape-rules/normalization.ts';
import type { RewriteScope } from './rewriting.ts';
import { isTrainingMode } from './running-statistics.ts';

/** y = (x − mean) / √(variance + ε) · scale + shift; in training mode with the statistics of x, whatever it was given. */
export function computedBatchNorm(node: Node, { g, shape }: RewriteScope): void {
  const [x = '', scale = '', shift = '', mean = '', variance = ''] = node.inputs;
  const { perChannel, others } = channelsAxis(node, shape(x));
  const alongChannels = (name: string) => g.op('Reshape', [name, g.ints(perChannel)]);
  const meanOf = (name: string) => g.op('ReduceMean', [name], { axes: others, keepdims: 1 });
  const ofBatch = isTrainingMode(node);
  const centered = g.op('Sub', [x, ofBatch ? meanOf(x) : alongChannels(mean)]);
  const spread = ofBatch ? meanOf(g.op('Mul', [centered, centered])) : alongChannels(variance);
  const epsilon = g.scalar(floatAttribute(node, 'epsilon', 1e-5));
  const normal = g.op('Div', [centered, g.op('Sqrt', [g.op('Add', [spread, epsilon])])]);
  g.op('Add', [g.op('Mul', [normal, alongChannels(scale)]), alongChannels(shift)], {}, node.outputs[0]);
}
