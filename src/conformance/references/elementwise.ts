/** EMA, running statistics and SGD in float64, and the bits of one float32 operation after the other. */
import type { SgdOptions } from '../../kernels/sgd.ts';
import { type Accuracy, U } from '../accuracy.ts';

export interface Approximation {
  exact: Float64Array;
  bound: Float64Array;
  /** What a backend gives that neither fuses nor reorders. */
  bits: Float32Array;
}

const f = Math.fround;

function approximation(length: number): Approximation {
  return {
    exact: new Float64Array(length),
    bound: new Float64Array(length),
    bits: new Float32Array(length),
  };
}

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

/** One step of torch.optim.SGD from float32 values; its bounds are in docs/numerics.md. */
export function sgdStep(
  parameter: Float32Array,
  gradient: Float32Array,
  buffer: Float32Array,
  { learningRate: lr, momentum: mu, weightDecay: wd }: SgdOptions,
  accuracy: Accuracy,
): { parameter: Approximation; buffer: Approximation } {
  const p = approximation(parameter.length);
  const b = approximation(parameter.length);
  for (const [i, x] of parameter.entries()) {
    const [g, old] = [gradient[i]!, buffer[i]!];
    const size = Math.abs(mu * old) + Math.abs(g) + Math.abs(wd * x);
    b.exact[i] = mu * old + g + wd * x;
    b.bound[i] = 4 * U * size + accuracy.smallest;
    b.bits[i] = f(f(f(mu) * old) + f(g + f(f(wd) * x)));
    p.exact[i] = x - lr * b.exact[i]!;
    p.bound[i] = U * Math.abs(x) + lr * (7 * U * size + accuracy.smallest) + accuracy.smallest;
    p.bits[i] = f(x - f(f(lr) * b.bits[i]!));
  }
  return { parameter: p, buffer: b };
}
