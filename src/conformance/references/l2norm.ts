/** L2 normalisation of one row and its gradient in float64, with the bounds of docs/numerics.md. */
import { type Accuracy, U } from '../accuracy.ts';

const EPSILON = 1e-12;

export interface Bounded {
  exact: Float64Array;
  bound: Float64Array;
}

/** A denormal component may count as 0. */
function flushedBy({ exact }: Accuracy): number {
  return exact ? 0 : 2 ** -126;
}

export function l2NormRow(
  x: Float32Array,
  accuracy: Accuracy,
): { norm: number; normBound: number; y: Bounded } {
  const dim = x.length;
  let square = 0;
  for (const value of x) square += value * value;
  const norm = Math.sqrt(square);
  const divisor = Math.max(norm, EPSILON);
  const exact = Float64Array.from(x, (value) => value / divisor);
  const bound = exact.map(
    (value) => Math.abs(value) * accuracy.unitError(dim) + accuracy.smallest + flushedBy(accuracy) / divisor,
  );
  return {
    norm,
    normBound: norm * accuracy.normError(dim) + accuracy.smallest * Math.sqrt(dim),
    y: { exact, bound },
  };
}

/** The gradient, from the float32 y and norm that the kernel keeps. */
export function l2NormBackwardRow(
  y: Float32Array,
  norm: number,
  dy: Float32Array,
  accuracy: Accuracy,
): Bounded {
  const dim = y.length;
  const flushed = flushedBy(accuracy);
  const clamped = norm < EPSILON;
  let projection = 0;
  let size = 0;
  for (const [c, value] of dy.entries()) {
    if (!clamped) projection += y[c]! * value;
    size += Math.abs(value);
  }
  const divisor = clamped ? EPSILON : norm;
  // Of the product y·(y·dy), before what is left of dy.
  const rounded = (own: number): number => (accuracy.exact ? 0 : 2 * U * own * Math.abs(projection));
  const lost = accuracy.projectionError(dim) * size + dim * flushed;
  const exact = Float64Array.from(dy, (value, c) => (value - y[c]! * projection) / divisor);
  const bound = exact.map((value, c) => {
    const own = accuracy.exact ? 1 : Math.abs(y[c]!);
    const before = lost * own + rounded(own) + flushed;
    return Math.abs(value) * accuracy.quotientError + before / divisor + accuracy.smallest;
  });
  return { exact, bound };
}
