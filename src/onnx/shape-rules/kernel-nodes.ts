/** Operators of our own, which kernels compute where a graph is run in pieces (autodiff/kernel-pieces.ts). No model has them. */
import { intsAttribute } from '../attributes.ts';
import type { Shape } from '../graph.ts';
import type { ShapeRules } from './rule.ts';

export const KERNEL_DOMAIN = 'moco-web';

const perChannel = ([, channels = 0]: Shape): Shape => [channels];

export const kernelNodes: ShapeRules = {
  /** x, γ, β → y, mean, variance and what rounding left of the mean, of the batch */
  BatchNorm: (_, [x = []]) => [x, perChannel(x), perChannel(x), perChannel(x)],
  /** x, γ, β, mean, variance, residual → y */
  BatchNormAgain: (_, [x = []]) => [x],
  /** dy, x, γ, mean, variance, residual → dx, dγ, dβ */
  BatchNormBackward: (_, [dy = []]) => [dy, perChannel(dy), perChannel(dy)],
  /** dy, w → dx, of images of the size that the node says */
  ConvInputGradient: (node, [dy = [], weight = []]) => [
    [dy[0]!, weight[1]!, ...intsAttribute(node, 'image', [])],
  ],
  Relu: (_, [x = []]) => [x],
  /** dy, y → dx */
  ReluBackward: (_, [dy = []]) => [dy],
};
