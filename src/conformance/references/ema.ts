/** ema in float64, and the bits of one float32 operation after the other. */
import { type Accuracy, U } from '../accuracy.ts';
import { type Approximation, approximation } from './approximation.ts';

const f = Math.fround;

/** a·target + b·source: the factor, the product and the sum round once each. */
export function blend(
  target: Float32Array,
  source: Float32Array,
  a: number,
  b: number,
  accuracy: Accuracy,
): Approximation {
  const result = approximation(target.length);
  for (const [i, t] of target.entries()) {
    const s = source[i]!;
    result.exact[i] = a * t + b * s;
    result.bound[i] = 3 * U * (Math.abs(a * t) + Math.abs(b * s)) + accuracy.smallest;
    result.bits[i] = f(f(t * f(a)) + f(s * f(b)));
  }
  return result;
}
