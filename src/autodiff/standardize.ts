/**
 * What layer and instance normalisation share: x̂ = (x − m)·r with the mean m and r = 1/√(v + ε) over some axes.
 *
 *   dx = r · (dx̂ − mean(dx̂) − x̂·mean(dx̂·x̂))
 *
 * m and v are computed again from x: one value a row, and x is kept anyway.
 */
import type { GraphBuilder } from '../onnx/graph.ts';

export interface Standardised {
  /** x̂ */
  readonly value: string;
  /** r, with the axes kept as 1. */
  readonly scale: string;
}

export function standardise(
  g: GraphBuilder,
  x: string,
  axes: readonly number[],
  epsilon: number,
): Standardised {
  const centred = g.op('Sub', [x, mean(g, x, axes)]);
  const variance = mean(g, g.op('Mul', [centred, centred]), axes);
  const scale = g.op('Reciprocal', [g.op('Sqrt', [g.op('Add', [variance, g.scalar(epsilon)])])]);
  return { value: g.op('Mul', [centred, scale]), scale };
}

/** dx from dx̂. */
export function standardiseBackward(
  g: GraphBuilder,
  dValue: string,
  { value, scale }: Standardised,
  axes: readonly number[],
): string {
  const along = mean(g, g.op('Mul', [dValue, value]), axes);
  const centred = g.op('Sub', [dValue, mean(g, dValue, axes)]);
  return g.op('Mul', [g.op('Sub', [centred, g.op('Mul', [value, along])]), scale]);
}

function mean(g: GraphBuilder, x: string, axes: readonly number[]): string {
  return g.op('ReduceMean', [x], { axes, keepdims: 1 });
}
