/** l2norm-backward of one row in float64, with the bounds of docs/numerics.md. */
import { type Accuracy, type Bounds, U } from '../accuracy.ts';
import type { Bounded } from './approximation.ts';
import { EPSILON, flushedBy } from './l2norm.ts';

interface L2NormBackwardBounds {
  /** y·dy, of Σ|y·dy|. */
  projectionError(dim: number): number;
  /** The last steps of dx: a product, a difference, a quotient. */
  readonly quotientError: number;
}

export const L2NORM_BACKWARD_BOUNDS: Bounds<L2NormBackwardBounds> = {
  wasm: {
    projectionError: (dim) => dim * 2 ** -51,
    quotientError: U,
  },
  webgpu: {
    projectionError: (dim) => (Math.ceil(dim / 64) + 8) * U,
    quotientError: 8 * U,
  },
};

/** The gradient, from the float32 y and norm that the kernel is given. */
export function l2NormBackwardRow(
  y: Float32Array,
  norm: number,
  dy: Float32Array,
  accuracy: Accuracy,
): Bounded {
  const bounds = L2NORM_BACKWARD_BOUNDS[accuracy.backend];
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
  const lost = bounds.projectionError(dim) * size + dim * flushed;
  const exact = Float64Array.from(dy, (value, c) => (value - y[c]! * projection) / divisor);
  const bound = exact.map((value, c) => {
    const own = accuracy.exact ? 1 : Math.abs(y[c]!);
    const before = lost * own + rounded(own) + flushed;
    return Math.abs(value) * bounds.quotientError + before / divisor + accuracy.smallest;
  });
  return { exact, bound };
}
