/**
 * Comparisons, logic, and choices by them. Booleans cannot be kept between the graphs, and hold no gradient: the backward
 * graph computes them again, always.
 */
import type { Node } from '../onnx/graph.ts';
import { unbroadcast } from './broadcast.ts';
import type { BackwardScope, LoweringScope, Rule } from './rule.ts';

/** Equal, Less, LessOrEqual, Greater, GreaterOrEqual, And, Not. */
export const comparison: Rule = {
  cheap: 'one-pass',
  backward: (node: Node) => node.inputs.map(() => null),
};

/** a ∨ b = ¬(¬a ∧ ¬b): the WebGPU provider leaves Or to the CPU, and takes the others. */
export const or: Rule = {
  ...comparison,
  lower(node: Node, { g }: LoweringScope) {
    const neither = g.op(
      'And',
      node.inputs.map((name) => g.op('Not', [name])),
    );
    g.op('Not', [neither], {}, node.outputs[0]);
  },
};

/** y = a where c, b elsewhere; da = dy where c, db = dy elsewhere. Chosen, not multiplied: 0·∞ would be NaN. */
export const where: Rule = {
  cheap: 'cheap',
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const [c = '', a = '', b = ''] = node.inputs;
    const chosen = (name: string, first: string, second: string) =>
      unbroadcast(node, g.op('Where', [scope.value(c), first, second]), name, scope);
    return [
      null,
      scope.wants(a) ? chosen(a, dy, g.scalar(0)) : null,
      scope.wants(b) ? chosen(b, g.scalar(0), dy) : null,
    ];
  },
};
