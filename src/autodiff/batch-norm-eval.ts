/**
 * BatchNorm with its running statistics μ and v, which stay as they are: an affine map of each channel.
 *
 *   y = γ·(x − μ)·r + β     r = 1/√(v + ε)     dx = γr·dy     dγ = r·Σ dy·(x − μ)     dβ = Σ dy
 */
import { floatAttribute } from '../onnx/attributes.ts';
import type { Node } from '../onnx/graph.ts';
import { channelsOf, EPSILON } from './batch-norm.ts';
import { type BackwardScope, channelSum, type Rule, reshape } from './rule.ts';

export const batchNormEval: Rule = {
  cheap: 'one-pass',

  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const [x = '', gamma = '', beta = '', mean = '', variance = ''] = node.inputs;
    const { length: rank } = scope.shape(x);
    const { perChannel } = channelsOf(node, scope.shape(x));
    const epsilon = g.scalar(floatAttribute(node, 'epsilon', EPSILON));
    const sigma = () => g.op('Sqrt', [g.op('Add', [scope.value(variance), epsilon])]);
    const dx = () => g.op('Mul', [dy, reshape(g, g.op('Div', [scope.value(gamma), sigma()]), perChannel)]);
    const dGamma = () => {
      const centered = g.op('Sub', [scope.value(x), reshape(g, scope.value(mean), perChannel)]);
      return g.op('Div', [channelSum(g, g.op('Mul', [dy, centered]), rank), sigma()]);
    };
    return [
      scope.wants(x) ? dx() : null,
      scope.wants(gamma) ? dGamma() : null,
      scope.wants(beta) ? channelSum(g, dy, rank) : null,
      null,
      null,
    ];
  },
};
