/** BatchNorm in training: Ioffe & Szegedy, arXiv:1502.03167, algorithm 1. */
import text from '../../shaders/batch-norm.wgsl';
import statisticsText from '../../shaders/batch-norm-statistics.wgsl';
import { expectArgument, oneOf } from '../arguments.ts';
import { type Checks, expectNumber, expectOwn, expectWhole } from './checks.ts';
import type { DeviceArray } from './device-array.ts';
import { callOf } from './export-call.ts';
import type { Kernel } from './kernel.ts';
import { REDUCE_FILES } from './reduce-files.ts';
import { firstsOf, rowsOfCall } from './row-calls.ts';
import { elements, f32, grid, shaderOf } from './shader.ts';

/** All sizes are at least 1. Each channel has batch · space values. */
export interface BatchNormShape {
  /** N */
  readonly batch: number;
  /** C */
  readonly channels: number;
  /** Values of a channel in an image: H·W, or 1 for features. */
  readonly space: number;
  /** At least 0: what is added to variances. With 0, a channel without a variance has no finite y. */
  readonly epsilon: number;
}

export interface BatchNormArguments extends BatchNormShape {
  /** [batch, channels, space] */
  readonly x: DeviceArray;
  /** [channels], both. */
  readonly gamma: DeviceArray;
  readonly beta: DeviceArray;
  /** out [batch, channels, space]: γ · (x − mean − residual) / √(variance + ε) + β. Not x. */
  readonly y: DeviceArray;
  /**
   * `batch`: mean, variance and residual are those of x, and computed. `given`: they are what an earlier call has computed, and only y is:
   * the same bits as then.
   */
  readonly statistics: 'batch' | 'given';
  /** out or in [channels]: the mean of the batch · space values of each channel. Not finite where one of them is not. */
  readonly mean: DeviceArray;
  /** out or in [channels]: the mean of (x − mean)², without Bessel's correction. */
  readonly variance: DeviceArray;
  /** out or in [channels]: what `mean` lacks of the exact mean, as it is a float32. */
  readonly residual: DeviceArray;
}

const statistics = shaderOf(
  [...REDUCE_FILES, { name: 'batch-norm-statistics.wgsl', text: statisticsText }],
  ['read', 'write', 'write', 'write'],
  256,
);
const normalize = shaderOf(
  [{ name: 'batch-norm.wgsl', text }],
  ['read', 'read', 'read', 'read', 'read', 'read', 'write'],
);

export interface BatchNormExports {
  batchNorm(
    x: number,
    gamma: number,
    beta: number,
    y: number,
    mean: number,
    variance: number,
    residual: number,
    batch: number,
    channels: number,
    space: number,
    count: number,
    epsilon: number,
    given: number,
  ): void;
}

/** @throws MocoError shape-mismatch, usage */
export function expectBatchNorm(
  { batch, channels, space, epsilon }: BatchNormShape,
  images: Readonly<Record<string, DeviceArray>>,
  perChannel: Readonly<Record<string, DeviceArray>>,
  checks: Checks,
): void {
  for (const [name, value] of Object.entries({ batch, channels, space })) expectWhole(name, value, 1);
  expectNumber('epsilon', epsilon, epsilon >= 0, 'at least 0');
  for (const [name, array] of Object.entries(images)) checks.matrix(name, array, batch * channels, space);
  for (const [name, array] of Object.entries(perChannel)) checks.matrix(name, array, channels);
}

export const batchNorm: Kernel<BatchNormArguments, void, BatchNormExports> = {
  shaders: [statistics, normalize],

  check(args, checks) {
    const { x, gamma, beta, y, mean, variance, residual } = args;
    expectArgument('batchNorm', 'statistics', args.statistics, oneOf(['batch', 'given']));
    expectBatchNorm(args, { x, y }, { gamma, beta, mean, variance, residual }, checks);
    const found = { mean, variance, residual };
    if (args.statistics === 'batch') expectOwn({ y, ...found }, { x, gamma, beta });
    else expectOwn({ y }, { x, gamma, beta, ...found });
  },

  webgpu(args, { at, run }) {
    const { batch, channels, space, epsilon } = args;
    const [x, ...found] = [at(args.x), at(args.mean), at(args.variance), at(args.residual)] as const;
    const ofChannels = {
      shader: statistics,
      parameters: [batch, channels, space],
      buffers: [x, ...found],
      workgroups: grid(channels),
    };
    const ofValues = {
      shader: normalize,
      parameters: [args.y.length, channels, space, f32(epsilon)],
      buffers: [x, at(args.gamma), at(args.beta), ...found, at(args.y)],
      workgroups: elements(args.y.length),
    };
    run(args.statistics === 'given' ? [ofValues] : [ofChannels, ofValues]);
  },

  /** A channel depends on no other: calls take some each. */
  wasm(args, { at, exports, share, threadsFor }) {
    const { batch, channels, space, epsilon } = args;
    const most = rowsOfCall(channels, threadsFor(2 * args.x.length));
    const given = args.statistics === 'given' ? 1 : 0;
    share(
      firstsOf(channels, most).map((first) => {
        const images = (array: DeviceArray) => at(array) + 4 * first * space;
        const own = (array: DeviceArray) => at(array) + 4 * first;
        const affine = [own(args.gamma), own(args.beta)] as const;
        const found = [own(args.mean), own(args.variance), own(args.residual)] as const;
        const sizes = [batch, channels, space, Math.min(most, channels - first)] as const;
        const [x, y] = [images(args.x), images(args.y)];
        return callOf(exports.batchNorm, x, ...affine, y, ...found, ...sizes, epsilon, given);
      }),
    );
  },
};
