/** Operators that work element by element. */
import { MocoError } from '../errors.ts';
import type { Node } from '../onnx/graph.ts';
import type { BackwardScope, Rule } from './rule.ts';

/** y = a + b of equal shapes: both inputs take the gradient as it is. */
export const add: Rule = {
  backward(node: Node, dy: string, scope: BackwardScope) {
    const [a = '', b = ''] = node.inputs;
    if (String(scope.shape(a)) !== String(scope.shape(b))) {
      throw new MocoError(
        'operator-unsupported',
        `node ${node.name} (Add): broadcasting [${scope.shape(a)}] with [${scope.shape(b)}] is not supported`,
      );
    }
    return [dy, dy];
  },
};

export const identity: Rule = { backward: (_node, dy) => [dy] };
