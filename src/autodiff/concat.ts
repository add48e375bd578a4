/** Joining and cutting along an axis: each is the other's gradient. */
import { intAttribute } from '../onnx/attributes.ts';
import type { GraphBuilder, Node, Shape } from '../onnx/graph.ts';
import { fixed, normalAxes } from '../onnx/shape-rules/rule.ts';
import type { BackwardScope, Rule } from './rule.ts';

function axisOf(node: Node, shape: Shape): number {
  return normalAxes(node, [intAttribute(node, 'axis', 0)], shape.length)[0]!;
}

/** Every input takes its piece of the gradient. */
export const concat: Rule = {
  cheap: 'one-pass',

  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    if (node.inputs.length === 1) return [dy];
    const axis = axisOf(node, scope.shape(node.outputs[0]!));
    let start = 0;
    return node.inputs.map((name) => {
      const end = start + fixed(node, scope.shape(name)[axis]);
      const [from, to] = [g.ints([start]), g.ints([end])];
      start = end;
      return scope.wants(name) ? g.op('Slice', [dy, from, to, g.ints([axis])]) : null;
    });
  },
};

/** The gradients of the parts, joined. A part that influences nothing is zeros beside a part that does. */
export const split: Rule = {
  cheap: 'one-pass',

  backward(node: Node, _: string, scope: BackwardScope) {
    const { g } = scope;
    const shape = scope.shape(node.inputs[0]!);
    const axis = axisOf(node, shape);
    const parts: string[] = [];
    let zeros = 0;
    for (const output of node.outputs) {
      const gradient = scope.gradientOf(output);
      if (gradient === null) zeros += fixed(node, scope.shape(output)[axis]);
      else {
        parts.push(padAxis(g, gradient, { rank: shape.length, axis, before: zeros }));
        zeros = 0;
      }
    }
    const last = padAxis(g, parts.pop()!, { rank: shape.length, axis, after: zeros });
    return [parts.length === 0 ? last : g.op('Concat', [...parts, last], { axis })];
  },
};

/** Zeros before and after x along an axis. */
export function padAxis(
  g: GraphBuilder,
  x: string,
  {
    rank,
    axis,
    before = 0,
    after = 0,
  }: { readonly rank: number; readonly axis: number; readonly before?: number; readonly after?: number },
): string {
  if (before === 0 && after === 0) return x;
  const none = Array.from({ length: rank }, () => 0);
  return g.op('Pad', [x, g.ints([...none.with(axis, before), ...none.with(axis, after)])]);
}
