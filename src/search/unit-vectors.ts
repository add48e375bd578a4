/** Rows of unit length, whose dot products are cosine similarities. */
import { MocoError } from '../errors.ts';

/** A vector of zeros has no direction: it stays, and is like nothing. */
const LEAST_LENGTH = 1e-12;

/**
 * A copy of unit length. The length is summed in float64, in order, so that every runtime gives the same bits.
 * @param name what it is called in messages
 * @throws MocoError data-invalid where a value is not finite
 */
export function unitVector(vector: Float32Array, name: string): Float32Array {
  const length = lengthOf(vector);
  if (!Number.isFinite(length)) {
    throw new MocoError('data-invalid', `${name} holds a value that is not a finite number`);
  }
  return vector.map((value) => value / Math.max(length, LEAST_LENGTH));
}

/** NaN or infinite where a value is. */
export function lengthOf(vector: Float32Array): number {
  let sum = 0;
  for (const value of vector) sum += value * value;
  return Math.sqrt(sum);
}
