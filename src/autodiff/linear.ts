/**
 * Gemm: y = α·A'·B' + β·C, where A' and B' are A and B or their transposes, and C broadcasts.
 *
 *   dA' = α·dy·B'ᵀ     dB' = α·A'ᵀ·dy     dC = β·dy, summed over what was broadcast
 */
import { floatAttribute, intAttribute } from '../onnx/attributes.ts';
import type { Attributes, Node } from '../onnx/graph.ts';
import { sumTo } from './broadcast.ts';
import { type BackwardScope, type Rule, reduceSum } from './rule.ts';

export const gemm: Rule = {
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const [a = '', b = '', c] = node.inputs;
    const [transA, transB] = [intAttribute(node, 'transA', 0), intAttribute(node, 'transB', 0)];
    const [alpha, beta] = [floatAttribute(node, 'alpha', 1), floatAttribute(node, 'beta', 1)];
    const multiply = (left: string, right: string, transposed: Attributes) =>
      g.op('Gemm', [left, right], { ...transposed, ...(alpha === 1 ? {} : { alpha: { float: alpha } }) });
    const dA = () =>
      transA
        ? multiply(scope.value(b), dy, { transA: transB, transB: 1 })
        : multiply(dy, scope.value(b), { transB: 1 - transB });
    const dB = () =>
      transB
        ? multiply(dy, scope.value(a), { transA: 1, transB: transA })
        : multiply(scope.value(a), dy, { transA: 1 - transA });
    const dC = (name: string) => {
      const [full, shape] = [scope.shape(node.outputs[0]!), scope.shape(name)];
      const vector = shape.length === 1 && shape[0] === full[1];
      const sum = vector ? reduceSum(g, dy, [0]) : sumTo(g, dy, full, shape);
      return beta === 1 ? sum : g.op('Mul', [sum, g.scalar(beta)]);
    };
    return [
      scope.wants(a) ? dA() : null,
      scope.wants(b) ? dB() : null,
      c !== undefined && scope.wants(c) ? dC(c) : null,
    ];
  },
};
