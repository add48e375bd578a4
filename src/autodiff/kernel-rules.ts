/**
 * The rules of nodes that kernels compute, where activations stay in the kernels' own memory (kernel-nodes.ts): the same equations
 * as those of batch-norm.ts, activation.ts and conv.ts, each in one node. x is kept, not its centered form.
 */
import { floatAttribute } from '../onnx/attributes.ts';
import type { Attributes, GraphBuilder, Node } from '../onnx/graph.ts';
import { KERNEL_DOMAIN } from '../onnx/shape-rules/kernel-nodes.ts';
import { channelsOf, EPSILON } from './batch-norm.ts';
import { convolutionRule } from './conv.ts';
import { windowAttributes } from './images.ts';
import type { BackwardScope, ForwardScope, Rule } from './rule.ts';

const statisticsOf = (node: Node) => ['mean', 'var', 'residual'].map((name) => `${node.outputs[0]}.${name}`);

const epsilonOf = (node: Node): Attributes => ({
  epsilon: { float: floatAttribute(node, 'epsilon', EPSILON) },
});

const batchNorm: Rule = {
  forward(node: Node, scope: ForwardScope): void {
    const [x = '', gamma = '', beta = ''] = node.inputs;
    const { channels, space } = channelsOf(node, scope.shape(x));
    const [mean = '', variance = '', residual = ''] = statisticsOf(node).map((name) =>
      scope.declare(name, [channels]),
    );
    const outputs = [node.outputs[0]!, mean, variance, residual];
    kernelNode(scope.g, 'BatchNorm', [x, gamma, beta], outputs, epsilonOf(node));
    scope.statistics({ name: node.name, channels, mean, variance, elementsPerImage: space });
  },

  cheap: 'one-pass',

  recompute(node: Node, scope: BackwardScope): void {
    const inputs = valuesOf(node).map((name) => scope.value(name));
    kernelNode(scope.g, 'BatchNormAgain', inputs, [node.outputs[0]!], epsilonOf(node));
  },

  recomputeFrom: valuesOf,

  backward(node: Node, dy: string, scope: BackwardScope) {
    const [x = '', gamma = '', , ...statistics] = valuesOf(node);
    const inputs = [dy, ...[x, gamma, ...statistics].map((name) => scope.value(name))];
    const outputs = ['dx', 'dGamma', 'dBeta'].map((name) => `${node.outputs[0]}.${name}`);
    kernelNode(scope.g, 'BatchNormBackward', inputs, outputs, epsilonOf(node));
    const gradients = outputs.map((name, i) => (scope.wants(node.inputs[i]!) ? name : null));
    return [...gradients, null, null];
  },
};

/** x, γ, β and the statistics of the batch. */
function valuesOf(node: Node): readonly string[] {
  return [...node.inputs.slice(0, 3), ...statisticsOf(node)];
}

const relu: Rule = {
  cheap: 'one-pass',
  forward: ({ inputs, outputs }, { g }) => kernelNode(g, 'Relu', inputs, outputs),
  recompute({ inputs, outputs }, scope): void {
    kernelNode(
      scope.g,
      'Relu',
      inputs.map((name) => scope.value(name)),
      outputs,
    );
  },
  backward({ outputs }, dy, scope) {
    const [y = ''] = outputs;
    const dx = `${y}.dx`;
    kernelNode(scope.g, 'ReluBackward', [dy, scope.value(y)], [dx]);
    return [dx];
  },
};

/** Only its input gradient is another: neither are weights turned round nor zeros put between the pixels of dy. */
const conv = convolutionRule((scope, dy, weight, { window, x }) => {
  const dx = scope.g.fresh('ConvInputGradient');
  const attributes = { ...windowAttributes(window), image: x.slice(1) };
  kernelNode(scope.g, 'ConvInputGradient', [dy, weight], [dx], attributes);
  return dx;
});

export const KERNEL_RULES: ReadonlyMap<string, Rule> = new Map([
  ['BatchNormalization', batchNorm],
  ['Conv', conv],
  ['Relu', relu],
]);

function kernelNode(
  g: GraphBuilder,
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Attributes = {},
): void {
  g.node({ name: outputs[0]!, op, domain: KERNEL_DOMAIN, inputs, outputs, attributes });
}
