/**
 * Pad: the gradient without its margins; what the margins repeat (edge, reflect) takes their gradient too. Axes are
 * padded independently of each other, so the gradient is taken axis by axis.
 */
import { stringAttribute } from '../onnx/attributes.ts';
import type { GraphBuilder, Node } from '../onnx/graph.ts';
import { constantInts, fixed, normalAxes } from '../onnx/shape-rules/rule.ts';
import { padAxis } from './concat.ts';
import { unsupported } from './images.ts';
import { type BackwardScope, type Rule, reduceSum } from './rule.ts';
import { reverseAxis } from './slice.ts';

export const pad: Rule = {
  cheap: 'one-pass',

  backward(node: Node, dy: string, scope: BackwardScope) {
    const { g } = scope;
    const x = scope.shape(node.inputs[0]!);
    const mode = stringAttribute(node, 'mode', 'constant');
    const pads = constantInts(node, 1, scope);
    const axes = node.inputs[3] ? normalAxes(node, constantInts(node, 3, scope), x.length) : [...x.keys()];
    let dx = dy;
    axes.forEach((axis, i) => {
      const margins = { before: pads[i] ?? 0, after: pads[i + axes.length] ?? 0 };
      if (margins.before === 0 && margins.after === 0) return;
      const along = { ...margins, axis, rank: x.length, size: fixed(node, x[axis]) };
      if (mode === 'constant') dx = withoutMargins(g, dx, along);
      else if (Math.min(margins.before, margins.after) < 0 || (mode !== 'edge' && mode !== 'reflect'))
        throw unsupported(node, `mode ${mode} with pads [${pads}] is not supported`);
      else dx = addMargins(g, dx, along, mode);
    });
    return [dx];
  },
};

interface Along {
  readonly axis: number;
  readonly rank: number;
  /** Of x along the axis. */
  readonly size: number;
  readonly before: number;
  readonly after: number;
}

/** Negative margins were cut off: they come back as zeros. */
function withoutMargins(g: GraphBuilder, dy: string, along: Along): string {
  const { axis, rank, size, before, after } = along;
  const start = Math.max(0, before);
  const kept = size + Math.min(0, before) + Math.min(0, after);
  const inner = before > 0 || after > 0 ? cut(g, dy, axis, start, start + kept) : dy;
  return padAxis(g, inner, { rank, axis, before: Math.max(0, -before), after: Math.max(0, -after) });
}

function addMargins(g: GraphBuilder, dy: string, along: Along, mode: 'edge' | 'reflect'): string {
  const { axis, rank, size, before, after } = along;
  const end = before + size;
  let dx = cut(g, dy, axis, before, end);
  const add = (margin: string, from: number, length: number) => {
    const placed = padAxis(g, margin, { rank, axis, before: from, after: size - from - length });
    dx = g.op('Add', [dx, placed]);
  };
  const margins: [number, number, number, number][] = [
    // [start, length of the margin in dy], [first place in x that edge and reflect repeat]
    [0, before, 0, 1],
    [end, after, size - 1, size - 1 - after],
  ];
  for (const [start, length, edge, reflected] of margins) {
    if (length === 0) continue;
    const margin = cut(g, dy, axis, start, start + length);
    if (mode === 'edge') add(reduceSum(g, margin, [axis], true), edge, 1);
    else add(reverseAxis(g, margin, axis), reflected, length);
  }
  return dx;
}

function cut(g: GraphBuilder, x: string, axis: number, start: number, end: number): string {
  return g.op('Slice', [x, g.ints([start]), g.ints([end]), g.ints([axis])]);
}
