/** sgd in float64, and the bits of one float32 operation after the other. */
import type { SgdOptions } from '../../kernels/sgd.ts';
import { type Accuracy, U } from '../accuracy.ts';
import { type Approximation, approximation } from './approximation.ts';

const f = Math.fround;

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
