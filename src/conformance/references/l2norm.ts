/** l2norm of one row in float64, with the bounds of docs/numerics.md. */
import { type Accuracy, type Bounds, U } from '../accuracy.ts';
import type { Bounded } from './approximation.ts';

/** torch's clamp of the norm. */
export const EPSILON = 1e-12;

interface L2NormBounds {
  normError(dim: number): number;
  /** y */
  unitError(dim: number): number;
}

export const L2NORM_BOUNDS: Bounds<L2NormBounds> = {
  wasm: {
    normError: () => U * (1 + 1e-6),
    unitError: () => U * (1 + 1e-6),
  },
  webgpu: {
    normError: (dim) => ((Math.ceil(dim / 64) + 7) / 2 + 9) * U,
    unitError: (dim) => ((Math.ceil(dim / 64) + 7) / 2 + 9 + 6) * U,
  },
};

/** A denormal component may count as 0. */
export function flushedBy({ exact }: Accuracy): number {
  return exact ? 0 : 2 ** -126;
}

export function l2NormRow(
  x: Float32Array,
  accuracy: Accuracy,
): { norm: number; normBound: number; y: Bounded } {
  const bounds = L2NORM_BOUNDS[accuracy.backend];
  const dim = x.length;
  let square = 0;
  for (const value of x) square += value * value;
  const norm = Math.sqrt(square);
  const divisor = Math.max(norm, EPSILON);
  const exact = Float64Array.from(x, (value) => value / divisor);
  const bound = exact.map(
    (value) => Math.abs(value) * bounds.unitError(dim) + accuracy.smallest + flushedBy(accuracy) / divisor,
  );
  return {
    norm,
    normBound: norm * bounds.normError(dim) + accuracy.smallest * Math.sqrt(dim),
    y: { exact, bound },
  };
}
