/** Operators that only move or rename elements. */
import type { Node } from '../onnx/graph.ts';
import { fixed } from '../onnx/shape-rules/rule.ts';
import { type BackwardScope, type Rule, reshape } from './rule.ts';

/** [N, C, …] → [N, C·…]. */
export const flatten: Rule = {
  cheap: 'one-pass',

  backward(node: Node, dy: string, scope: BackwardScope) {
    const rest = scope.shape(node.inputs[0]!).slice(1);
    return [reshape(scope.g, dy, [0, ...rest.map((size) => fixed(node, size))])];
  },
};
