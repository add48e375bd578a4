/** The gradient of BatchNorm in float64, with the bounds of docs/numerics.md. */
import type { BatchNormShape } from '../../kernels/batch-norm.ts';
import { type Accuracy, type Bounds, U } from '../accuracy.ts';
import type { Bounded } from './approximation.ts';
import { type ChannelNumbers, lanesOf, valuesOf } from './batch-norm.ts';

/** Relative errors. */
interface BackwardBounds {
  /** The additions of `count` numbers, each of which is a product. */
  sumError(count: number): number;
  /** r · Σ dy·c */
  readonly slopeError: number;
  /** k = r²·Σ dy·c/M */
  readonly factorError: number;
  /** Of the terms of dx: a product, its factor apart, and three differences. */
  readonly termError: number;
  /** γ·r, and its product. */
  readonly scaleError: number;
}

const BACKWARD_BOUNDS: Bounds<BackwardBounds> = {
  wasm: {
    sumError: (count) => (count + 8) * 2 ** -52,
    slopeError: U,
    factorError: U,
    termError: 2.1 * U,
    scaleError: 2.1 * U,
  },
  // A root is 9u, a quotient 5u.
  webgpu: {
    sumError: (count) => (lanesOf(count) + 3) * U,
    slopeError: 17 * U,
    factorError: 38 * U,
    termError: 5 * U,
    scaleError: 18 * U,
  },
};

export interface BatchNormGradients {
  dx: Bounded;
  dGamma: Bounded;
  dBeta: Bounded;
}

const zeros = (length: number): Bounded => ({
  exact: new Float64Array(length),
  bound: new Float64Array(length),
});

/** From the float32 statistics that the kernel is given. */
export function batchNormGradients(
  dy: Float32Array,
  x: Float32Array,
  numbers: Omit<ChannelNumbers, 'beta'>,
  shape: BatchNormShape,
  { backend, smallest }: Accuracy,
): BatchNormGradients {
  const bounds = BACKWARD_BOUNDS[backend];
  const { channels, space } = shape;
  const count = shape.batch * space;
  const lost = bounds.sumError(count);
  const [dx, dGamma, dBeta] = [zeros(x.length), zeros(channels), zeros(channels)];
  for (let channel = 0; channel < channels; channel++) {
    const number = (name: keyof typeof numbers) => numbers[name][channel]!;
    const [mean, rest] = [number('mean'), number('residual')];
    const [ds, xs] = [valuesOf(dy, shape, channel), valuesOf(x, shape, channel)];
    let [sum, size, products, productSize] = [0, 0, 0, 0];
    for (const [i, d] of ds.entries()) {
      const c = xs[i]! - mean - rest;
      sum += d;
      size += Math.abs(d);
      products += d * c;
      productSize += Math.abs(d) * (Math.abs(xs[i]! - mean) + Math.abs(rest));
    }
    const r = 1 / Math.sqrt(number('variance') + shape.epsilon);
    const [sumBound, productBound] = [lost * size, lost * productSize + smallest * (size + count)];
    dBeta.exact[channel] = sum;
    dBeta.bound[channel] = sumBound + U * Math.abs(sum) + smallest;
    dGamma.exact[channel] = r * products;
    dGamma.bound[channel] = r * productBound + bounds.slopeError * Math.abs(r * products) + smallest;

    const g = number('gamma') * r;
    const k = (r * r * products) / count;
    const kBound = (r * r * productBound) / count + bounds.factorError * Math.abs(k) + smallest;
    const p = sum / count - rest * k;
    const pBound =
      sumBound / count + Math.abs(rest) * kBound + 8 * U * (Math.abs(sum / count) + Math.abs(rest * k));
    for (const [i, d] of ds.entries()) {
      const c = xs[i]! - mean;
      const terms = Math.abs(d) + Math.abs(p) + Math.abs(c * k);
      const before = kBound * Math.abs(c) + pBound + bounds.termError * terms + 4 * smallest;
      const at = (Math.floor(i / space) * channels + channel) * space + (i % space);
      dx.exact[at] = (d - p - c * k) * g;
      dx.bound[at] = Math.abs(g) * before + bounds.scaleError * Math.abs(dx.exact[at]!) + smallest;
    }
  }
  return { dx, dGamma, dBeta };
}
