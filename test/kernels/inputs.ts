import { toUnit } from '../../src/conformance/inputs.ts';
import { MocoError } from '../../src/errors.ts';
import type { BatchNormShape } from '../../src/kernels/batch-norm.ts';
import { type ConvolutionShape, matrixOf } from '../../src/kernels/convolution-shape.ts';
import type { DeviceArray } from '../../src/kernels/device-array.ts';
import type { Kernels } from '../../src/kernels/kernels.ts';
import type { BackendKernels } from '../../src/kernels/open.ts';

/** Also what is left beside four or eight at a time. */
export const LENGTHS = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 63, 64, 65, 257, 1021] as const;

/** A generator of numbers in [0, 1), the same for the same seed (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Roughly normal values. */
export function normals(length: number, random: () => number, scale = 1): Float32Array {
  return Float32Array.from(
    { length },
    () => scale * Math.sqrt(2) * (random() + random() + random() + random() + random() + random() - 3),
  );
}

/** Unit rows, rounded to float32. */
export function unitRows(rows: number, dim: number, random: () => number): Float32Array {
  return toUnit(normals(rows * dim, random), rows, dim);
}

export function upload(kernels: Kernels, values: ArrayLike<number>): DeviceArray {
  const array = kernels.allocate(values.length);
  kernels.write(array, Float32Array.from(values));
  return array;
}

/** Runs `body` with a scope for arrays: what it takes is freed, and nothing else may be left behind. */
export async function withArrays<T>(
  kernels: BackendKernels,
  body: (put: (values: ArrayLike<number>) => DeviceArray) => T | Promise<T>,
): Promise<T> {
  const before = kernels.heapBytes;
  const taken: DeviceArray[] = [];
  const free = (): void => {
    for (const array of taken.splice(0)) kernels.free(array);
  };
  try {
    const result = await body((values) => {
      const array = upload(kernels, values);
      taken.push(array);
      return array;
    });
    free();
    if (kernels.heapBytes !== before) throw new Error(`${kernels.heapBytes - before} bytes were left behind`);
    return result;
  } finally {
    free();
  }
}

export interface InfoNceInputs {
  query: Float32Array;
  key: Float32Array;
  queue: Float32Array;
  rows: number;
  dim: number;
  queueSize: number;
  temperature: number;
  gradientScale: number;
}

/** infonce on plain arrays. */
export async function runInfoNce(
  kernels: BackendKernels,
  inputs: InfoNceInputs,
): Promise<{ loss: Float32Array; dQuery: Float32Array; rank: Float32Array }> {
  return withArrays(kernels, async (put) => {
    const loss = put(new Float32Array(inputs.rows));
    const dQuery = put(new Float32Array(inputs.rows * inputs.dim));
    const rank = put(new Float32Array(inputs.rows));
    kernels.infonce({
      ...inputs,
      query: put(inputs.query),
      key: put(inputs.key),
      queue: put(inputs.queue),
      loss,
      dQuery,
      rank,
    });
    return {
      loss: await kernels.read(loss),
      dQuery: await kernels.read(dQuery),
      rank: await kernels.read(rank),
    };
  });
}

export interface NtXentInputs {
  z: Float32Array;
  rows: number;
  dim: number;
  temperature: number;
  gradientScale: number;
}

/** ntxent on plain arrays. */
export async function runNtXent(
  kernels: BackendKernels,
  inputs: NtXentInputs,
): Promise<{ loss: Float32Array; rank: Float32Array; dz: Float32Array }> {
  return withArrays(kernels, async (put) => {
    const { rows, dim } = inputs;
    const [loss, rank, dz] = [rows, rows, rows * dim].map((length) => put(new Float32Array(length)));
    const [l, r, d] = [loss!, rank!, dz!];
    kernels.ntxent({ ...inputs, z: put(inputs.z), loss: l, rank: r, dz: d });
    return { loss: await kernels.read(l), rank: await kernels.read(r), dz: await kernels.read(d) };
  });
}

export interface CrossEntropyInputs {
  logits: Float32Array;
  labels: readonly number[];
  classes: number;
  gradientScale: number;
}

/** crossEntropy on plain arrays. */
export async function runCrossEntropy(
  kernels: BackendKernels,
  inputs: CrossEntropyInputs,
): Promise<{ loss: Float32Array; rank: Float32Array; dLogits: Float32Array }> {
  return withArrays(kernels, async (put) => {
    const { labels, logits } = inputs;
    const arrays = { loss: put(labels.map(() => 0)), rank: put(labels.map(() => 0)), dLogits: put(logits) };
    kernels.crossEntropy({ ...inputs, ...arrays, logits: put(logits) });
    const { loss, rank, dLogits } = arrays;
    return {
      loss: await kernels.read(loss),
      rank: await kernels.read(rank),
      dLogits: await kernels.read(dLogits),
    };
  });
}

export interface ConvWeightGradientInputs extends ConvolutionShape {
  x: Float32Array;
  dy: Float32Array;
}

/** convWeightGradient on plain arrays, into what is not zero. */
export async function runConvWeightGradient(
  kernels: BackendKernels,
  inputs: ConvWeightGradientInputs,
): Promise<Float32Array> {
  return withArrays(kernels, async (put) => {
    const gradient = put(new Float32Array(inputs.filters * matrixOf(inputs).columns).fill(Number.NaN));
    kernels.convWeightGradient({ ...inputs, x: put(inputs.x), dy: put(inputs.dy), gradient, add: false });
    return kernels.read(gradient);
  });
}

export interface ConvolutionInputs extends ConvolutionShape {
  x: Float32Array;
  weight: Float32Array;
}

/** convolution on plain arrays, into what is not zero. */
export async function runConvolution(
  kernels: BackendKernels,
  inputs: ConvolutionInputs,
): Promise<Float32Array> {
  const { batch, filters, outHeight, outWidth } = inputs;
  return withArrays(kernels, async (put) => {
    const y = put(new Float32Array(batch * filters * outHeight * outWidth).fill(Number.NaN));
    kernels.convolution({ ...inputs, x: put(inputs.x), weight: put(inputs.weight), y });
    return kernels.read(y);
  });
}

export interface ConvInputGradientInputs extends ConvolutionShape {
  dy: Float32Array;
  weight: Float32Array;
}

/** convInputGradient on plain arrays, into what is not zero. */
export async function runConvInputGradient(
  kernels: BackendKernels,
  inputs: ConvInputGradientInputs,
): Promise<Float32Array> {
  const { batch, channels, height, width } = inputs;
  return withArrays(kernels, async (put) => {
    const dx = put(new Float32Array(batch * channels * height * width).fill(Number.NaN));
    kernels.convInputGradient({ ...inputs, dy: put(inputs.dy), weight: put(inputs.weight), dx });
    return kernels.read(dx);
  });
}

export interface BatchNormInputs extends BatchNormShape {
  x: Float32Array;
  gamma: Float32Array;
  beta: Float32Array;
}

/** batchNorm on plain arrays, into what is not zero. */
export async function runBatchNorm(kernels: BackendKernels, { x, gamma, beta, ...shape }: BatchNormInputs) {
  return withArrays(kernels, async (put) => {
    const empty = (length: number) => put(new Float32Array(length).fill(Number.NaN));
    const y = empty(x.length);
    const [mean, variance, residual] = [gamma, gamma, gamma].map(({ length }) => empty(length));
    const found = { mean: mean!, variance: variance!, residual: residual! };
    const given = { x: put(x), gamma: put(gamma), beta: put(beta) };
    kernels.batchNorm({ ...shape, ...given, ...found, y, statistics: 'batch' });
    return {
      y: await kernels.read(y),
      mean: await kernels.read(found.mean),
      variance: await kernels.read(found.variance),
      residual: await kernels.read(found.residual),
    };
  });
}

export interface BatchNormBackwardInputs extends BatchNormShape {
  dy: Float32Array;
  x: Float32Array;
  gamma: Float32Array;
  mean: Float32Array;
  variance: Float32Array;
  residual: Float32Array;
}

/** batchNormBackward on plain arrays, into what is not zero. */
export async function runBatchNormBackward(kernels: BackendKernels, inputs: BatchNormBackwardInputs) {
  return withArrays(kernels, async (put) => {
    const empty = (length: number) => put(new Float32Array(length).fill(Number.NaN));
    const [dx, dGamma, dBeta] = [empty(inputs.x.length), empty(inputs.channels), empty(inputs.channels)];
    kernels.batchNormBackward({
      ...inputs,
      ...{ dy: put(inputs.dy), x: put(inputs.x), gamma: put(inputs.gamma) },
      ...{ mean: put(inputs.mean), variance: put(inputs.variance), residual: put(inputs.residual) },
      ...{ dx, dGamma, dBeta },
    });
    return {
      dx: await kernels.read(dx),
      dGamma: await kernels.read(dGamma),
      dBeta: await kernels.read(dBeta),
    };
  });
}

/** The error that body throws. */
export function errorOf(body: () => unknown): MocoError {
  try {
    body();
  } catch (error) {
    if (error instanceof MocoError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
