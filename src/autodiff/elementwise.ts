/** Operators that work element by element. */
import type { Node } from '../onnx/graph.ts';
import { unbroadcast } from './broadcast.ts';
import type { BackwardScope, Rule } from './rule.ts';

/** y = a + b: both inputs take the gradient, summed over what was broadcast. */
export const add: Rule = {
  cheap: 'cheap',
  backward: (node: Node, dy: string, scope: BackwardScope) =>
    node.inputs.map((name) => (scope.wants(name) ? unbroadcast(node, dy, name, scope) : null)),
};

export const identity: Rule = { cheap: 'one-pass', backward: (_node, dy) => [dy] };
