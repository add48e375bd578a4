/** Linear layers. */
import { MocoError } from '../errors.ts';
import { floatAttribute, intAttribute } from '../onnx/attributes.ts';
import type { Node } from '../onnx/graph.ts';
import { type BackwardScope, type Rule, reduceSum } from './rule.ts';

/** y = x·wᵀ + b (or x·w with transB = 0), as torch.nn.Linear exports: dx = dy·w, dw = dyᵀ·x, db = Σ dy. */
export const gemm: Rule = {
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const [x = '', w = '', bias] = node.inputs;
    const plain =
      intAttribute(node, 'transA', 0) === 0 &&
      floatAttribute(node, 'alpha', 1) === 1 &&
      floatAttribute(node, 'beta', 1) === 1;
    if (!plain || (bias !== undefined && scope.shape(bias).length !== 1)) {
      throw new MocoError(
        'operator-unsupported',
        `node ${node.name} (Gemm): only x·w + b with a bias vector, alpha = beta = 1 and transA = 0 is supported`,
      );
    }
    const transposed = intAttribute(node, 'transB', 0) !== 0;
    const dw = () =>
      transposed
        ? g.op('Gemm', [dy, scope.value(x)], { transA: 1 })
        : g.op('Gemm', [scope.value(x), dy], { transA: 1 });
    return [
      scope.wants(x) ? g.op('Gemm', [dy, scope.value(w)], { transB: transposed ? 0 : 1 }) : null,
      scope.wants(w) ? dw() : null,
      bias !== undefined && scope.wants(bias) ? reduceSum(g, dy, [0]) : null,
    ];
  },
};
