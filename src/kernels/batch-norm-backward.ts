/** The gradient of batchNorm: Ioffe & Szegedy, arXiv:1502.03167, section 3. */
import text from '../../shaders/batch-norm-backward.wgsl';
import sumsText from '../../shaders/batch-norm-sums.wgsl';
import { type BatchNormShape, expectBatchNorm } from './batch-norm.ts';
import { expectOwn } from './checks.ts';
import type { DeviceArray } from './device-array.ts';
import { callOf } from './export-call.ts';
import type { Kernel } from './kernel.ts';
import { REDUCE_FILES } from './reduce-files.ts';
import { firstsOf, rowsOfCall } from './row-calls.ts';
import { elements, f32, grid, shaderOf } from './shader.ts';

/** With c = x − mean − residual, r = 1/√(variance + ε) and M = batch · space. */
export interface BatchNormBackwardArguments extends BatchNormShape {
  /** [batch, channels, space], both: the gradient of batchNorm's y, and its x. */
  readonly dy: DeviceArray;
  readonly x: DeviceArray;
  /** [channels], all: what batchNorm was given, and what it has computed from x. */
  readonly gamma: DeviceArray;
  readonly mean: DeviceArray;
  readonly variance: DeviceArray;
  readonly residual: DeviceArray;
  /** out [batch, channels, space]: γ·r · (dy − dBeta/M − c·r·dGamma/M). Neither dy nor x. */
  readonly dx: DeviceArray;
  /** out [channels]: r · Σ dy·c */
  readonly dGamma: DeviceArray;
  /** out [channels]: Σ dy */
  readonly dBeta: DeviceArray;
}

const sums = shaderOf(
  [...REDUCE_FILES, { name: 'batch-norm-sums.wgsl', text: sumsText }],
  ['read', 'read', 'read', 'read', 'read', 'write', 'write', 'write'],
  256,
);
const gradient = shaderOf(
  [{ name: 'batch-norm-backward.wgsl', text }],
  ['read', 'read', 'read', 'read', 'read', 'read', 'write'],
);

export interface BatchNormBackwardExports {
  batchNormBackward(
    dy: number,
    x: number,
    gamma: number,
    mean: number,
    variance: number,
    residual: number,
    dx: number,
    dGamma: number,
    dBeta: number,
    batch: number,
    channels: number,
    space: number,
    count: number,
    epsilon: number,
  ): void;
}

export const batchNormBackward: Kernel<BatchNormBackwardArguments, void, BatchNormBackwardExports> = {
  shaders: [sums, gradient],

  check(args, checks) {
    const { dy, x, gamma, mean, variance, residual, dx, dGamma, dBeta } = args;
    const given = { gamma, mean, variance, residual };
    expectBatchNorm(args, { dy, x, dx }, { ...given, dGamma, dBeta }, checks);
    expectOwn({ dx, dGamma, dBeta }, { dy, x, ...given });
  },

  webgpu(args, { at, run, scratch }) {
    const { batch, channels, space, epsilon } = args;
    const [dy, x, mean, variance] = [at(args.dy), at(args.x), at(args.mean), at(args.variance)];
    const factors = scratch('factors of BatchNorm gradients', 2 * channels);
    run([
      {
        shader: sums,
        parameters: [batch, channels, space, f32(epsilon)],
        buffers: [dy, x, mean, variance, at(args.residual), at(args.dGamma), at(args.dBeta), factors],
        workgroups: grid(channels),
      },
      {
        shader: gradient,
        parameters: [args.dx.length, channels, space, f32(epsilon)],
        buffers: [dy, x, at(args.gamma), mean, variance, factors, at(args.dx)],
        workgroups: elements(args.dx.length),
      },
    ]);
  },

  /** A channel depends on no other: calls take some each. */
  wasm(args, { at, exports, share, threadsFor }) {
    const { batch, channels, space, epsilon } = args;
    const most = rowsOfCall(channels, threadsFor(3 * args.x.length));
    share(
      firstsOf(channels, most).map((first) => {
        const images = (array: DeviceArray) => at(array) + 4 * first * space;
        const own = (array: DeviceArray) => at(array) + 4 * first;
        const given = [own(args.gamma), own(args.mean), own(args.variance), own(args.residual)] as const;
        const results = [images(args.dx), own(args.dGamma), own(args.dBeta)] as const;
        const sizes = [batch, channels, space, Math.min(most, channels - first)] as const;
        const [dy, x] = [images(args.dy), images(args.x)];
        return callOf(exports.batchNormBackward, dy, x, ...given, ...results, ...sizes, epsilon);
      }),
    );
  },
};
