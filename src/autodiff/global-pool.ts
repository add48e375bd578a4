/** Pooling over the whole of an image, of any number of dimensions. */
import { count } from '../onnx/dims.ts';
import type { Node } from '../onnx/graph.ts';
import { fixed } from '../onnx/shape-rules/rule.ts';
import type { BackwardScope, Rule } from './rule.ts';

/** Sizes of the axes after batch and channels. */
function spaceOf(node: Node, scope: BackwardScope): number[] {
  return scope
    .shape(node.inputs[0]!)
    .slice(2)
    .map((size) => fixed(node, size));
}

/** y = mean over space: every pixel takes dy / (H·W). */
export const globalAveragePool: Rule = {
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const space = spaceOf(node, scope);
    const share = g.op('Mul', [dy, g.scalar(1 / count(space))]);
    return [g.op('Expand', [share, g.ints([1, 1, ...space])])];
  },
};

/**
 * y = maximum over space: its first place takes dy, as PyTorch's adaptive pooling has it. Of the places that equal the
 * maximum, the first is the one with the largest number when they are numbered downwards.
 */
export const globalMaxPool: Rule = {
  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const space = spaceOf(node, scope);
    const x = scope.value(node.inputs[0]!);
    // Pooled again from the very values that it is compared with (see maxPool).
    const equal = g.op('Cast', [g.op('Equal', [x, g.op('GlobalMaxPool', [x])])], { to: 1 });
    const size = count(space);
    const data = Float32Array.from({ length: size }, (_, i) => size - i);
    const numbers = g.constant(g.fresh('numbers'), { type: 'float32', shape: [1, 1, ...space], data });
    const places = g.op('Mul', [equal, numbers]);
    const first = g.op('Equal', [places, g.op('GlobalMaxPool', [places])]);
    return [g.op('Mul', [g.op('Cast', [first], { to: 1 }), dy])];
  },
};
