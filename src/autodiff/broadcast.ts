/** Gradients of what broadcasting repeats: the repetitions are summed. */
import type { GraphBuilder, Node, Shape } from '../onnx/graph.ts';
import { type BackwardScope, reduceSum, reshape } from './rule.ts';

/** The gradient for input `name` of a node that broadcasts, from one in the shape of its output. */
export function unbroadcast(node: Node, gradient: string, name: string, scope: BackwardScope): string {
  return sumTo(scope.g, gradient, scope.shape(node.outputs[0]!), scope.shape(name));
}

/** The sum of what broadcasting `shape` to `full` repeats. */
export function sumTo(g: GraphBuilder, gradient: string, full: Shape, shape: Shape): string {
  if (String(full) === String(shape)) return gradient;
  const missing = full.length - shape.length;
  const axes = [...full.keys()].filter((axis) => axis < missing || shape[axis - missing] !== full[axis]);
  // One axis after the other, last first: sums of sums round less than one long sum, and the inner ones are contiguous.
  let sum = gradient;
  for (const axis of axes.toReversed()) sum = reduceSum(g, sum, [axis], true);
  if (missing === 0) return sum;
  return shape.length === 0
    ? reshape(g, sum, [])
    : g.op('Squeeze', [sum, g.ints(Array.from({ length: missing }, (_, axis) => axis))]);
}
