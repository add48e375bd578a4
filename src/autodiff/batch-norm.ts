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
 * The last pass of both directions is the inference operator, which is one fused multiply-add. Of several groups in one run
 * (groups-at-once.ts) each has statistics of its own: M counts the values of one group, c has their channels side by side.
 *
 * Where nodes cost more than their work (WebGPU), sums over the space are one node each, and dx is two fused multiply-adds and a
 * difference, from means in the place of sums:
 *
 *   b = mean(dy)   q = r·(mean(dy·c) − d·b)   dβ = M·b   dγ = M·q   dx = γr·(dy − (q·r·(c − d) + b))
 */
import { floatAttribute } from '../onnx/attributes.ts';
import { count } from '../onnx/dims.ts';
import type { GraphBuilder, Node, Shape } from '../onnx/graph.ts';
import { fixed } from '../onnx/shape-rules/rule.ts';
import { channelMean, channelMeanOfSquares, countOf, isShort } from './channel-mean.ts';
import { groupsOf, reshapeGroups, shapeOfGroups } from './groups-at-once.ts';
import {
  type BackwardScope,
  channelSum,
  type ForwardScope,
  inverseCount,
  type Rule,
  reduceSum,
  reshape,
} from './rule.ts';

export const EPSILON = 1e-5;

const centered = (node: Node) => `${node.outputs[0]}.centered`;
const residual = (node: Node) => `${node.outputs[0]}.residual`;
const mean = (node: Node) => `${node.outputs[0]}.mean`;
const variance = (node: Node) => `${node.outputs[0]}.var`;
/** γ and β, once for each group. */
const gammas = (node: Node) => (groupsOf(node) === 1 ? node.inputs[1]! : `${node.outputs[0]}.gammas`);
const betas = (node: Node) => (groupsOf(node) === 1 ? node.inputs[2]! : `${node.outputs[0]}.betas`);

export const batchNorm: Rule = {
  forward(node: Node, scope: ForwardScope): void {
    const { g } = scope;
    const [given = '', gamma = '', beta = ''] = node.inputs;
    const shape = shapeOfGroups(node, scope.shape(given));
    const { channels, space, perChannel } = channelsOf(node, shape);
    const x = reshapeGroups(g, node, given, shape);
    const groups = groupsOf(node);
    if (groups > 1) {
      g.op('Tile', [gamma, g.ints([groups])], {}, scope.declare(gammas(node), [channels]));
      g.op('Tile', [beta, g.ints([groups])], {}, scope.declare(betas(node), [channels]));
    }

    const first = channelMean(scope, x, shape);
    const c = g.op('Sub', [x, reshape(g, first, perChannel)], {}, scope.declare(centered(node), shape));
    const rest = channelMean(scope, c, shape, scope.declare(residual(node), [channels]));
    channelMeanOfSquares(scope, c, shape, scope.declare(variance(node), [channels]));
    g.op('Add', [first, rest], {}, scope.declare(mean(node), [channels]));
    affine(g, node, scope.shape(given));
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
    for (const name of batchNorm.recomputeFrom!(node)) scope.value(name);
    affine(scope.g, node, scope.shape(node.inputs[0]!));
  },

  recomputeFrom: (node) => [gammas, betas, centered, residual, variance].map((nameOf) => nameOf(node)),

  backward(node: Node, dOutput: string, scope: BackwardScope) {
    const { g } = scope;
    const [x = '', gamma = '', beta = ''] = node.inputs;
    const own = scope.shape(x);
    const shape = shapeOfGroups(node, own);
    const dy = reshapeGroups(g, node, dOutput, shape);
    const found = isShort(scope, shape)
      ? fromMeans(node, dy, shape, scope)
      : fromSums(node, dy, shape, scope);
    const sum = ({ value, factor }: GroupSums) => sumOfGroups(g, node, value, factor);
    return [
      found.dx === null ? null : reshapeGroups(g, node, found.dx, own),
      scope.wants(gamma) ? sum(found.dGamma) : null,
      scope.wants(beta) ? sum(found.dBeta) : null,
      null,
      null,
    ];
  },
};

/** [H·C], to be multiplied by a number. */
interface GroupSums {
  readonly value: string;
  readonly factor: number;
}

interface Gradients {
  /** Null where it is not wanted. */
  readonly dx: string | null;
  readonly dGamma: GroupSums;
  readonly dBeta: GroupSums;
}

function fromSums(node: Node, dy: string, shape: Shape, scope: BackwardScope): Gradients {
  const { g } = scope;
  const { channels, perChannel } = channelsOf(node, shape);
  const c = scope.value(centered(node));
  const gamma = scope.value(gammas(node));
  const s1 = channelSum(g, dy, shape.length);
  const products = channelSum(g, g.op('Mul', [dy, c]), shape.length);
  const d = scope.value(residual(node));
  const s2 = g.op('Sub', [products, g.op('Mul', [d, s1])]);
  const sigma = deviation(node, scope);
  const dGamma = g.op('Div', [s2, sigma]);
  let dx: string | null = null;
  if (scope.wants(node.inputs[0]!)) {
    const scale = g.op('Div', [gamma, sigma]);
    const perCount = g.op('Mul', [scale, inverseCount(scope, c, shape)]);
    const slope = g.op('Neg', [g.op('Div', [g.op('Mul', [perCount, dGamma]), sigma])]);
    const offset = g.op('Neg', [g.op('Mul', [perCount, s1])]);
    const correction = inferenceNorm(g, c, [slope, offset, d, g.filled(channels, 1)], 0);
    const scaled = g.op('Mul', [dy, reshape(g, scale, perChannel)]);
    dx = g.op('Add', [scaled, correction]);
  }
  return { dx, dGamma: { value: dGamma, factor: 1 }, dBeta: { value: s1, factor: 1 } };
}

function fromMeans(node: Node, dy: string, shape: Shape, scope: BackwardScope): Gradients {
  const { g } = scope;
  const { channels } = channelsOf(node, shape);
  const [c, d, v] = [centered, residual, variance].map((nameOf) => scope.value(nameOf(node)));
  const b = channelMean(scope, dy, shape);
  const products = channelMean(scope, g.op('Mul', [dy, c!]), shape);
  const q = g.op('Div', [g.op('Sub', [products, g.op('Mul', [d!, b])]), deviation(node, scope)]);
  let dx: string | null = null;
  if (scope.wants(node.inputs[0]!)) {
    const epsilon = epsilonOf(node);
    const rest = g.op('Sub', [dy, inferenceNorm(g, c!, [q, b, d!, v!], epsilon)]);
    const zeros = g.filled(channels, 0);
    dx = inferenceNorm(g, rest, [scope.value(gammas(node)), zeros, zeros, v!], epsilon);
  }
  const factor = countOf(shape);
  return { dx, dGamma: { value: q, factor }, dBeta: { value: b, factor } };
}

/** √(v + ε) */
function deviation(node: Node, scope: BackwardScope): string {
  const { g } = scope;
  return g.op('Sqrt', [g.op('Add', [scope.value(variance(node)), g.scalar(epsilonOf(node))])]);
}

/** [H·C] → [C] */
function sumOfGroups(g: GraphBuilder, node: Node, value: string, factor: number): string {
  const groups = groupsOf(node);
  if (groups === 1) return factor === 1 ? value : g.op('Mul', [value, g.scalar(factor)]);
  const rows = reshape(g, value, [groups, -1]);
  return factor === 1 ? reduceSum(g, rows, [0]) : g.op('MatMul', [g.filled(groups, factor), rows]);
}

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

const epsilonOf = (node: Node) => floatAttribute(node, 'epsilon', EPSILON);

/** y = γ · (c − d) / √(v + ε) + β in one pass. */
function affine(g: GraphBuilder, node: Node, shape: Shape): void {
  const [y = ''] = node.outputs;
  const values = [gammas, betas, residual, variance].map((nameOf) => nameOf(node));
  const isWhole = groupsOf(node) === 1;
  const ofGroups = inferenceNorm(g, centered(node), values, epsilonOf(node), isWhole ? y : undefined);
  reshapeGroups(g, node, ofGroups, shape, y);
}

/** @param values scale, bias, mean and variance of each channel */
function inferenceNorm(
  g: GraphBuilder,
  x: string,
  values: readonly string[],
  epsilon: number,
  output?: string,
): string {
  return g.op('BatchNormalization', [x, ...values], { epsilon: { float: epsilon } }, output);
}
