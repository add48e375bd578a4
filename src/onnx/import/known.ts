/**
 * Values that are known before the graph runs: constants, and sizes that the graph computes with. An element may be the
 * name of an open size (dims.ts), so that a shape such as [batch, 12, 64] is known although the batch is not.
 */
import { count } from '../dims.ts';
import type { Constant, Dim, ElementType } from '../graph.ts';

export interface Known {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly data: readonly Dim[];
}

/** Larger ones are left to the graph: folding is for shapes, masks and scalars. */
export const MOST_KNOWN = 2 ** 20;

export function fromConstant({ type, shape, data }: Constant): Known {
  return { type, shape, data: Array.from(data as ArrayLike<number | bigint>, Number) };
}

export function isFixed(shape: readonly Dim[]): shape is readonly number[] {
  return shape.every((size) => typeof size === 'number');
}

/** null where an element is an open size. */
export function toConstant({ type, shape, data }: Known): Constant | null {
  return isFixed(data) ? { type, shape, data: typed(type, data) } : null;
}

function typed(type: ElementType, values: readonly number[]): Constant['data'] {
  switch (type) {
    case 'int64':
      return BigInt64Array.from(values, toInt64);
    case 'int32':
      return Int32Array.from(values);
    case 'float64':
      return Float64Array.from(values);
    case 'uint8':
    case 'bool':
      return Uint8Array.from(values);
    default:
      return Float32Array.from(values);
  }
}

const [LEAST, MOST] = [-(2n ** 63n), 2n ** 63n - 1n];

/** "To the end" is written as the largest int64, which is no float64: it came here as 2⁶³. */
function toInt64(value: number): bigint {
  if (Number.isNaN(value)) return 0n;
  if (value >= 2 ** 63) return MOST;
  return value <= -(2 ** 63) ? LEAST : BigInt(Math.trunc(value));
}

/** Offset of each element of an array of shape `out` in a row-major array, given how far a step along each axis goes. */
export function* offsets(out: readonly number[], steps: readonly number[], start = 0): Generator<number> {
  const index = out.map(() => 0);
  let at = start;
  for (let left = count(out); left > 0; left--) {
    yield at;
    for (let axis = out.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      at += steps[axis]!;
      if (index[axis]! < out[axis]!) break;
      at -= steps[axis]! * out[axis]!;
      index[axis] = 0;
    }
  }
}

/** Row-major strides. */
export function strides(shape: readonly number[]): number[] {
  const result: number[] = [];
  let step = 1;
  for (const size of shape.toReversed()) {
    result.unshift(step);
    step *= size;
  }
  return result;
}

/** Steps that read an array of `shape` as if it were broadcast to `out`. */
export function broadcastSteps(shape: readonly number[], out: readonly number[]): number[] {
  const own = strides(shape);
  const missing = out.length - shape.length;
  return out.map((_, axis) => (axis < missing || shape[axis - missing] === 1 ? 0 : own[axis - missing]!));
}
