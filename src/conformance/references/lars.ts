/** lars in float64, and the bits of one float32 operation after the other. */
import { BLOCK, type LarsOptions } from '../../kernels/lars.ts';
import { type Accuracy, type Bounds, U } from '../accuracy.ts';
import { type Approximation, approximation } from './approximation.ts';
import { flushedBy } from './l2norm.ts';

const f = Math.fround;
const LARGEST = 2 ** 128 - 2 ** 104;

/** Relative error of trust·‖p‖/‖d‖ for so many elements, beside what the roundings of d do to ‖d‖. */
const RATIO_ERROR: Bounds<(length: number) => number> = {
  // Sums of float64, rounded once.
  wasm: () => 2 * U,
  // Two roots of sums: 16 additions of a lane and 6 of a tree in a block, of its lane's blocks and 6 more, a square.
  webgpu: (length) => {
    const sum = 16 + 6 + Math.ceil(Math.ceil(length / BLOCK.webgpu) / 64) + 6 + 1;
    return 2 * (sum / 2 + 9) * U + (5 + 4) * U;
  },
};

/** One step of LARS from float32 values; its bounds are in docs/numerics.md. */
export function larsStep(
  parameter: Float32Array,
  gradient: Float32Array,
  buffer: Float32Array,
  options: LarsOptions,
  accuracy: Accuracy,
): { parameter: Approximation; buffer: Approximation } {
  const { momentum: mu, weightDecay: wd, learningRate: lr, rateInMomentum } = options;
  const { smallest } = accuracy;
  const rate = rateInMomentum ? 1 : lr;
  const { scale, error, most } = scaleOf(parameter, gradient, options, accuracy);
  const p = approximation(parameter.length);
  const b = approximation(parameter.length);
  for (const [i, x] of parameter.entries()) {
    const [g, old] = [gradient[i]!, buffer[i]!];
    const d = scale * (g + wd * x);
    const terms = Math.abs(g) + Math.abs(wd * x);
    b.exact[i] = mu * old + d;
    b.bound[i] =
      (error + 3 * U) * Math.abs(d) +
      (most - scale) * (terms + smallest) +
      (4 * U * scale + smallest) * terms +
      4 * U * Math.abs(mu * old) +
      (1 + most) * smallest;
    b.bits[i] = f(f(f(mu) * old) + f(f(scale) * f(g + f(f(wd) * x))));
    p.exact[i] = x - rate * b.exact[i]!;
    const moved = Math.abs(mu * old) + Math.abs(d) + b.bound[i]!;
    p.bound[i] = U * Math.abs(x) + rate * (b.bound[i]! + 3 * U * moved) + (1 + rate) * smallest;
    p.bits[i] = f(x - f(f(rate) * b.bits[i]!));
  }
  return { parameter: p, buffer: b };
}

/** What g + wd·p is multiplied by, its relative error, and the most that it may be. */
function scaleOf(
  parameter: Float32Array,
  gradient: Float32Array,
  { learningRate, weightDecay: wd, trust, rateInMomentum }: LarsOptions,
  accuracy: Accuracy,
): { scale: number; error: number; most: number } {
  const factor = rateInMomentum ? learningRate : 1;
  const plain = { scale: factor, error: U, most: factor };
  if (trust === null) return plain;
  const length = (values: Float64Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  const decayed = Float64Array.from(gradient, (g, i) => g + wd * parameter[i]!);
  const p = length(Float64Array.from(parameter));
  const d = length(decayed);
  // Each d rounds by 3u of its terms, and denormals may count as 0.
  const terms = length(Float64Array.from(gradient, (g, i) => Math.abs(g) + Math.abs(wd * parameter[i]!)));
  const flushed = flushedBy(accuracy) * 2 * Math.sqrt(parameter.length);
  if (p === 0 || d === 0) return plain;
  const scale = Math.min((factor * trust * p) / d, LARGEST);
  const error =
    RATIO_ERROR[accuracy.backend](parameter.length) +
    (accuracy.exact ? 0 : 3 * U * (terms / d)) +
    flushed / d +
    flushed / p;
  // A tensor of denormals may count as 0, which has no ratio: then anything up to either factor is right.
  return error < 0.1 ? { scale, error, most: scale } : { scale, error: 1, most: Math.max(scale, factor) };
}
