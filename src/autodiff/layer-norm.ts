/**
 * LayerNormalization (Ba, Kiros, Hinton, arXiv:1607.06450): y = γ·x̂ + β with x̂ over all axes from `axis` on.
 *
 *   dx̂ = γ·dy     dγ = Σ dy·x̂     dβ = Σ dy     summed over the axes before
 */
import { floatAttribute, intAttribute } from '../onnx/attributes.ts';
import type { Node } from '../onnx/graph.ts';
import { normalAxes } from '../onnx/shape-rules/rule.ts';
import { sumTo } from './broadcast.ts';
import { unsupported } from './images.ts';
import type { BackwardScope, Rule } from './rule.ts';
import { standardize, standardizeBackward } from './standardize.ts';

const EPSILON = 1e-5;

export const layerNorm: Rule = {
  cheap: 'one-pass',

  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const [x = '', gamma = '', beta] = node.inputs;
    if (node.outputs.slice(1).some((output) => output !== '' && scope.gradientOf(output) !== null)) {
      throw unsupported(node, 'gradients of its statistics are not supported, only of its first output');
    }
    const shape = scope.shape(x);
    const [first = 0] = normalAxes(node, [intAttribute(node, 'axis', -1)], shape.length);
    const axes = [...shape.keys()].slice(first);
    const needsValue = scope.wants(x) || scope.wants(gamma);
    const epsilon = floatAttribute(node, 'epsilon', EPSILON);
    const standard = needsValue ? standardize(g, scope.value(x), axes, epsilon) : null;
    const dx = () => standardizeBackward(g, g.op('Mul', [dy, scope.value(gamma)]), standard!, axes);
    return [
      scope.wants(x) ? dx() : null,
      scope.wants(gamma) ? sumTo(g, g.op('Mul', [dy, standard!.value]), shape, scope.shape(gamma)) : null,
      beta !== undefined && scope.wants(beta) ? sumTo(g, dy, shape, scope.shape(beta)) : null,
    ];
  },
};
