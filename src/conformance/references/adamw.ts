/** adamw in float64, and the bits of one float32 operation after the other. */
import { type AdamwOptions, adamwFactors } from '../../kernels/adamw.ts';
import { type Accuracy, type Bounds, U } from '../accuracy.ts';
import { type Approximation, approximation } from './approximation.ts';

const f = Math.fround;

/** Roundings of a root and of a quotient, in u. */
const ROUNDINGS: Bounds<{ root: number; quotient: number }> = {
  wasm: { root: 1, quotient: 1 },
  webgpu: { root: 9, quotient: 5 },
};

export interface AdamwArrays {
  readonly parameter: Float32Array;
  readonly gradient: Float32Array;
  readonly mean: Float32Array;
  readonly square: Float32Array;
}

/** One step of torch.optim.AdamW from float32 values; its bounds are in docs/numerics.md. */
export function adamwStep(
  { parameter, gradient, mean, square }: AdamwArrays,
  options: AdamwOptions,
  accuracy: Accuracy,
): { parameter: Approximation; mean: Approximation; square: Approximation } {
  const { learningRate: lr, weightDecay: wd, beta1, beta2, epsilon, step } = options;
  const { smallest } = accuracy;
  const { root, quotient } = ROUNDINGS[accuracy.backend];
  const [correction1, correction2] = [1 - beta1 ** step, Math.sqrt(1 - beta2 ** step)];
  const [p, m, v] = [0, 1, 2].map(() => approximation(parameter.length)) as [
    Approximation,
    Approximation,
    Approximation,
  ];
  for (const [i, x] of parameter.entries()) {
    const [g, m0, v0] = [gradient[i]!, mean[i]!, square[i]!];
    m.exact[i] = beta1 * m0 + (1 - beta1) * g;
    m.bound[i] = 4 * U * (Math.abs(beta1 * m0) + Math.abs((1 - beta1) * g)) + smallest;
    v.exact[i] = beta2 * v0 + (1 - beta2) * g * g;
    // No term is negative, so nothing cancels. A small factor of g² that counts as 0 takes |g| of `smallest` with it.
    v.bound[i] = 5 * U * v.exact[i]! + (2 + Math.abs(g)) * smallest;
    // √v̂ + ε grows with v: its least and largest are those of the bounds of v.
    const divisor = (value: number) => Math.sqrt(Math.max(0, value)) / correction2 + epsilon;
    const exact = divisor(v.exact[i]!);
    const off = Math.max(
      divisor(v.exact[i]! + v.bound[i]!) - exact,
      exact - divisor(v.exact[i]! - v.bound[i]!),
    );
    const least = Math.max((exact - off) * (1 - (root + 4) * U), epsilon * (1 - 4 * U));
    const rate = lr / correction1;
    const change = (rate * Math.abs(m.exact[i]!)) / exact;
    const bound =
      (rate * m.bound[i]!) / least +
      change * ((off + (root + 4) * U * exact) / least + (quotient + 3) * U) +
      (1 + rate / least) * smallest;
    const decay = lr * wd * x;
    p.exact[i] = x - decay - (rate * m.exact[i]!) / exact;
    p.bound[i] =
      U * Math.abs(x) + 4 * U * Math.abs(decay) + bound + 3 * U * change + (2 + Math.abs(x)) * smallest;
  }
  bitsOf({ parameter, gradient, mean, square }, options, { p: p.bits, m: m.bits, v: v.bits });
  return { parameter: p, mean: m, square: v };
}

function bitsOf(
  { parameter, gradient, mean, square }: AdamwArrays,
  options: AdamwOptions,
  { p, m, v }: Readonly<Record<'p' | 'm' | 'v', Float32Array>>,
): void {
  const { beta1, beta2, epsilon } = options;
  const { decay, rate, root } = adamwFactors(options);
  const [b1, b2, a1, a2] = [beta1, beta2, 1 - beta1, 1 - beta2].map(f) as [number, number, number, number];
  for (const [i, x] of parameter.entries()) {
    const g = gradient[i]!;
    m[i] = f(f(b1 * mean[i]!) + f(a1 * g));
    v[i] = f(f(b2 * square[i]!) + f(f(a2 * g) * g));
    const divisor = f(f(f(Math.sqrt(v[i]!)) * f(root)) + f(epsilon));
    const change = f(f(rate) * f(m[i]! / divisor));
    p[i] = f(x - f(f(f(decay) * x) + change));
  }
}
