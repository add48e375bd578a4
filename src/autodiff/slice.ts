/** Slice: the gradient goes to the elements that were taken, zeros to the others. */
import type { GraphBuilder, Node, Shape } from '../onnx/graph.ts';
import { sliceBounds } from '../onnx/shape-rules/layout.ts';
import { constantInts, fixed } from '../onnx/shape-rules/rule.ts';
import { padAxis } from './concat.ts';
import { reshapeTo } from './reshape.ts';
import type { BackwardScope, Rule } from './rule.ts';

export const slice: Rule = {
  cheap: 'one-pass',

  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const x = scope.shape(node.inputs[0]!);
    let shape: Shape = scope.shape(node.outputs[0]!);
    let dx = dy;
    for (const bound of sliceBounds(node, x, (input) => constantInts(node, input, scope))) {
      const { axis, start, step } = bound;
      const [taken, size] = [fixed(node, shape[axis]), fixed(node, x[axis])];
      const first = step > 0 ? start : start + (taken - 1) * step;
      if (step < 0) dx = reverseAxis(g, dx, axis);
      dx = spreadAxis(g, dx, shape, axis, Math.abs(step));
      // The last element that was taken has step − 1 zeros behind it, which may be more than x has.
      const end = first + taken * Math.abs(step);
      dx = padAxis(g, dx, { rank: x.length, axis, before: first, after: Math.max(0, size - end) });
      if (end > size) dx = g.op('Slice', [dx, g.ints([0]), g.ints([size]), g.ints([axis])]);
      shape = shape.with(axis, size);
    }
    return [dx];
  },
};

/** The elements of an axis in the opposite order. */
export function reverseAxis(g: GraphBuilder, x: string, axis: number): string {
  const [start, end] = [g.ints([-1]), g.ints([-(2 ** 31)])];
  return g.op('Slice', [x, start, end, g.ints([axis]), g.ints([-1])]);
}

/** step − 1 zeros after each element of an axis: its size times `step`. */
function spreadAxis(g: GraphBuilder, x: string, shape: Shape, axis: number, step: number): string {
  if (step === 1) return x;
  const apart = g.op('Unsqueeze', [x, g.ints([axis + 1])]);
  const spread = padAxis(g, apart, { rank: shape.length + 1, axis: axis + 1, after: step - 1 });
  const from = [...shape.slice(0, axis + 1), step, ...shape.slice(axis + 1)];
  return reshapeTo(g, spread, from, shape.with(axis, Number(shape[axis]) * step));
}
