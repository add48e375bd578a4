/** BatchNorm in float64, with the bounds of docs/numerics.md. */
import type { BatchNormShape } from '../../kernels/batch-norm.ts';
import { type Accuracy, type Bounds, U } from '../accuracy.ts';
import { type Approximation, approximation } from './approximation.ts';

/** The values of one channel, image by image. */
export function valuesOf(x: Float32Array, shape: BatchNormShape, channel: number): Float64Array {
  const { batch, channels, space } = shape;
  return Float64Array.from({ length: batch * space }, (_, i) => {
    const n = Math.floor(i / space);
    return x[(n * channels + channel) * space + (i % space)]!;
  });
}

export const meanOf = (values: Float64Array): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const meanSize = (values: Float64Array): number => meanOf(values.map(Math.abs));

/** A number and how far from it a kernel may be. */
interface Near {
  value: number;
  bound: number;
}

export interface BatchStatistics {
  mean: Near;
  variance: Near;
  /** What the kernel's own mean lacks. */
  residual: Near;
}

/** Of a channel's values and of the mean that the kernel gives. */
type StatisticsBounds = (
  values: Float64Array,
  space: number,
  got: number,
) => Readonly<Record<keyof BatchStatistics, number>>;

/** Roundings of a sum of 256 lanes. */
export const lanesOf = (count: number): number => Math.ceil(count / 256) + 8;

const STATISTICS_BOUNDS: Bounds<StatisticsBounds> = {
  wasm: (values, space) => {
    const exact = meanOf(values);
    // Sums are of distances to the mean of the first image.
    const shift = meanOf(values.subarray(0, space));
    const lost = (values.length + 8) * 2 ** -52;
    const variance = meanOf(values.map((value) => (value - exact) ** 2));
    const ofMean = lost * meanSize(values.map((value) => value - shift));
    return {
      mean: U * Math.abs(exact) + ofMean,
      residual: ofMean,
      variance: U * variance + lost * (variance + (shift - exact) ** 2),
    };
  },
  webgpu: (values, _, got) => {
    const roundings = lanesOf(values.length) + 8;
    const distances = values.map((value) => value - values[0]!);
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const centered = values.map((value) => value - got);
    const rest = roundings * U * meanSize(centered);
    const squares = meanOf(centered.map((c) => c * c));
    return {
      mean: roundings * U * meanSize(distances) + 2 * U * largest,
      residual: rest,
      variance: (roundings + 4) * U * squares + 2 * Math.abs(meanOf(centered)) * rest + rest ** 2,
    };
  },
};

/** @param got the float32 that the kernel gives as the mean */
export function batchStatistics(
  values: Float64Array,
  space: number,
  got: number,
  { backend, smallest }: Accuracy,
): BatchStatistics {
  const bounds = STATISTICS_BOUNDS[backend](values, space, got);
  // The second pass corrects what the first rounds.
  const about = meanOf(values);
  const rest = meanOf(values.map((value) => value - about));
  const exact = about + rest;
  const residual = about - got + rest;
  const variance = meanOf(values.map((value) => (value - exact) ** 2));
  const near = (value: number, bound: number): Near => ({ value, bound: bound + smallest });
  return {
    mean: near(exact, bounds.mean),
    variance: near(variance, bounds.variance),
    residual: near(residual, bounds.residual + U * Math.abs(residual)),
  };
}

/** Relative errors of one channel. */
interface OutputBounds {
  /** a = γ/√(variance + ε), and its product. */
  readonly productError: number;
  /** The sum of three terms. */
  readonly sumError: number;
}

const OUTPUT_BOUNDS: Bounds<OutputBounds> = {
  wasm: { productError: 3.1 * U, sumError: U },
  // A root is 9u, a quotient 5u, its sum with ε 2u, of which the root takes a half.
  webgpu: { productError: 18 * U, sumError: 3 * U },
};

/** [channels], all: what y follows from. */
export interface ChannelNumbers {
  gamma: Float32Array;
  beta: Float32Array;
  mean: Float32Array;
  variance: Float32Array;
  residual: Float32Array;
}

/** y from float32 statistics. */
export function normalized(
  x: Float32Array,
  numbers: ChannelNumbers,
  shape: BatchNormShape,
  { backend, smallest }: Accuracy,
): Approximation {
  const { productError, sumError } = OUTPUT_BOUNDS[backend];
  const result = approximation(x.length);
  for (let i = 0; i < x.length; i++) {
    const c = Math.floor(i / shape.space) % shape.channels;
    const [mean, beta] = [numbers.mean[c]!, numbers.beta[c]!];
    const a = numbers.gamma[c]! / Math.sqrt(numbers.variance[c]! + shape.epsilon);
    const product = (x[i]! - mean) * a;
    const rest = numbers.residual[c]! * a;
    result.exact[i] = product + (beta - rest);
    result.bits[i] = Math.fround(
      Math.fround(Math.fround(x[i]! - mean) * Math.fround(a)) + Math.fround(beta - rest),
    );
    const products = Math.abs(product) + Math.abs(rest);
    result.bound[i] =
      productError * products +
      sumError * (products + Math.abs(beta) + Math.abs(result.exact[i]!)) +
      2 * smallest * (1 + Math.abs(a));
  }
  return result;
}
