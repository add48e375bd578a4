/**
 * Training BatchNorm (Ioffe & Szegedy, arXiv:1502.03167), composed: onnxruntime-web's WebGPU provider claims the
 * training-mode operator and then fails, and its wasm provider keeps a biased running variance.
 *
 *   c = x − mean(x)     v = mean(c²)     y = γ · c / √(v + ε) + β
 *
 * The centered activation c is kept instead of x: the variance from it does not cancel, and the gradient needs only c.
 * What rounding leaves of c's mean, d, is measured and taken off in the last pass (the corrected two-pass algorithm;
 * Chan, Golub, LeVeque, "Algorithms for computing the sample variance", 1983):
 *
 *   r = 1/√(v + ε)   s₁ = Σ dy   s₂ = Σ dy·c − d·s₁   dβ = s₁     dγ = r·s₂
 *   dx = γr · dy − γr³·(s₂/M) · (c − d) − γr·s₁/M          with M = N·H·W (N·L, N for tensors of rank 3, 2)
 *
 * The last pass of both directions is the inference operator, which is one fused multiply-add.
 */
import { floatAttribute } from '../onnx/attributes.ts';
import { count } from '../onnx/dims.ts';
import type { GraphBuilder, Node, Shape } from '../onnx/graph.ts';
import { fixed } from '../onnx/shape-rules/rule.ts';
import {
  type BackwardScope,
  channelSum,
  type ForwardScope,
  inverseCount,
  type Rule,
  reshape,
} from './rule.ts';

export const EPSILON = 1e-5;

const centered = (node: Node) => `${node.outputs[0]}.centered`;
const residual = (node: Node) => `${node.outputs[0]}.residual`;
const mean = (node: Node) => `${node.outputs[0]}.mean`;
const variance = (node: Node) => `${node.outputs[0]}.var`;

export const batchNorm: Rule = {
  forward(node: Node, scope: ForwardScope): void {
    const { g } = scope;
    const [x = '', gamma = '', beta = ''] = node.inputs;
    const shape = scope.shape(x);
    const { channels, space, perChannel } = channelsOf(node, shape);
    const perCount = inverseCount(scope, x, shape);
    const channelMean = (value: string, output?: string) =>
      g.op('Mul', [channelSum(g, value, shape.length), perCount], {}, output);

    const first = channelMean(x);
    const c = g.op('Sub', [x, reshape(g, first, perChannel)], {}, scope.declare(centered(node), shape));
    const rest = channelMean(c, scope.declare(residual(node), [channels]));
    channelMean(g.op('Mul', [c, c]), scope.declare(variance(node), [channels]));
    g.op('Add', [first, rest], {}, scope.declare(mean(node), [channels]));
    affine(g, node, c, gamma, beta);
    scope.statistics({
      name: node.name,
      channels,
      mean: mean(node),
      variance: variance(node),
      elementsPerImage: space,
    });
  },

  cheap: 'one-pass',

  recompute(node: Node, scope: BackwardScope): void {
    const [, gamma = '', beta = ''] = node.inputs;
    const c = scope.value(centered(node));
    scope.value(variance(node));
    scope.value(residual(node));
    affine(scope.g, node, c, scope.value(gamma), scope.value(beta));
  },

  recomputeFrom: (node) => [
    ...node.inputs.slice(1, 3),
    ...[centered, residual, variance].map((nameOf) => nameOf(node)),
  ],

  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const [x = '', gammaName = '', betaName = ''] = node.inputs;
    const shape = scope.shape(x);
    const { channels, perChannel } = channelsOf(node, shape);
    const c = scope.value(centered(node));
    const gamma = scope.value(gammaName);

    const s1 = channelSum(g, dy, shape.length);
    const products = channelSum(g, g.op('Mul', [dy, c]), shape.length);
    const d = scope.value(residual(node));
    const s2 = g.op('Sub', [products, g.op('Mul', [d, s1])]);
    const epsilon = g.scalar(floatAttribute(node, 'epsilon', EPSILON));
    const sigma = g.op('Sqrt', [g.op('Add', [scope.value(variance(node)), epsilon])]);
    const dGamma = g.op('Div', [s2, sigma]);
    let dx: string | null = null;
    if (scope.wants(x)) {
      const scale = g.op('Div', [gamma, sigma]);
      const perCount = g.op('Mul', [scale, inverseCount(scope, c, shape)]);
      const slope = g.op('Neg', [g.op('Div', [g.op('Mul', [perCount, dGamma]), sigma])]);
      const offset = g.op('Neg', [g.op('Mul', [perCount, s1])]);
      const correction = inferenceNorm(g, c, slope, offset, d, g.filled(channels, 1), 0);
      const scaled = g.op('Mul', [dy, reshape(g, scale, perChannel)]);
      dx = g.op('Add', [scaled, correction]);
    }
    return [dx, scope.wants(gammaName) ? dGamma : null, scope.wants(betaName) ? s1 : null, null, null];
  },
};

/** The channels of [N, C, …], how many values of an image each has, and the shape in which a vector of them broadcasts. */
export function channelsOf(
  node: Node,
  [, channels, ...space]: Shape,
): { channels: number; space: number; perChannel: readonly number[] } {
  return {
    channels: fixed(node, channels),
    space: count(space.map((size) => fixed(node, size))),
    perChannel: [1, fixed(node, channels), ...space.map(() => 1)],
  };
}

/** y = γ · (c − d) / √(v + ε) + β in one pass. */
function affine(g: GraphBuilder, node: Node, c: string, gamma: string, beta: string): void {
  const epsilon = floatAttribute(node, 'epsilon', EPSILON);
  inferenceNorm(g, c, gamma, beta, residual(node), variance(node), epsilon, node.outputs[0]);
}

function inferenceNorm(
  g: GraphBuilder,
  x: string,
  scale: string,
  bias: string,
  mean: string,
  variance: string,
  epsilon: number,
  output?: string,
): string {
  return g.op(
    'BatchNormalization',
    [x, scale, bias, mean, variance],
    { epsilon: { float: epsilon } },
    output,
  );
}
