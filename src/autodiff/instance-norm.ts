/**
 * InstanceNormalization (Ulyanov, Vedaldi, Lempitsky, arXiv:1607.08022): y = γ·x̂ + β with x̂ over the space of each
 * channel of each image.
 *
 *   dx̂ = γ·dy     dγ = Σ dy·x̂     dβ = Σ dy     summed over batch and space
 */
import { floatAttribute } from '../onnx/attributes.ts';
import type { Node } from '../onnx/graph.ts';
import { channelsOf } from './batch-norm.ts';
import { type BackwardScope, channelSum, copyNode, type LoweringScope, type Rule, reshape } from './rule.ts';
import { standardize, standardizeBackward } from './standardize.ts';

const EPSILON = 1e-5;

export const instanceNorm: Rule = {
  cheap: 'one-pass',

  /**
   * On WebGPU onnxruntime-web 1.30 has once been seen to compute with the ε of an InstanceNormalization that another
   * session had run before (1,600 tests in one process; not again when few were run): there it is written out.
   */
  lower(node: Node, scope: LoweringScope): void {
    const { g, lowering } = scope;
    if (lowering.provider !== 'webgpu') {
      copyNode(g, node);
      return;
    }
    const [x = '', gamma = '', beta = ''] = node.inputs;
    const shape = scope.shape(x);
    const { perChannel } = channelsOf(node, shape);
    const axes = [...shape.keys()].slice(2);
    const { value } = standardize(g, x, axes, floatAttribute(node, 'epsilon', EPSILON));
    const scaled = g.op('Mul', [value, reshape(g, gamma, perChannel)]);
    g.op('Add', [scaled, reshape(g, beta, perChannel)], {}, node.outputs[0]);
  },

  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const [x = '', gamma = '', beta = ''] = node.inputs;
    const shape = scope.shape(x);
    const { perChannel } = channelsOf(node, shape);
    const axes = [...shape.keys()].slice(2);
    const needsValue = scope.wants(x) || scope.wants(gamma);
    const epsilon = floatAttribute(node, 'epsilon', EPSILON);
    const standard = needsValue ? standardize(g, scope.value(x), axes, epsilon) : null;
    const dx = () => {
      const dValue = g.op('Mul', [dy, reshape(g, scope.value(gamma), perChannel)]);
      return standardizeBackward(g, dValue, standard!, axes);
    };
    return [
      scope.wants(x) ? dx() : null,
      scope.wants(gamma) ? channelSum(g, g.op('Mul', [dy, standard!.value]), shape.length) : null,
      scope.wants(beta) ? channelSum(g, dy, shape.length) : null,
    ];
  },
};
