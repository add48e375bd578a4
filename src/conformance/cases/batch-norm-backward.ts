/** batch-norm-backward.wgsl and batch-norm-sums.wgsl: the gradient of BatchNorm. */
import type { BatchNormShape } from '../../kernels/batch-norm.ts';
import type { DeviceArray } from '../../kernels/device-array.ts';
import type { KernelCases } from '../case.ts';
import { uniforms } from '../inputs.ts';
import { type ChannelNumbers, meanOf, valuesOf } from '../references/batch-norm.ts';
import { batchNormGradients } from '../references/batch-norm-backward.ts';
import type { Trial } from '../trial.ts';
import { channelsOf, shapeOf } from './batch-norm.ts';
import { withEachNotFinite } from './not-finite.ts';

interface Inputs {
  shape: BatchNormShape;
  dy: Float32Array;
  x: Float32Array;
  numbers: Omit<ChannelNumbers, 'beta'>;
}

/** Statistics from float64: the mistakes of batchNorm are not those of this kernel. */
function inputsOf(trial: Trial, shape: BatchNormShape, x = channelsOf(trial, shape)): Inputs {
  const { channels } = shape;
  const [mean, variance, residual] = [0, 1, 2].map(() => new Float32Array(channels));
  for (let c = 0; c < channels; c++) {
    const values = valuesOf(x, shape, c);
    const exact = meanOf(values);
    mean![c] = exact;
    residual![c] = exact - mean![c]!;
    variance![c] = meanOf(values.map((value) => (value - exact) ** 2));
  }
  const gamma = uniforms(channels, trial.random, 2);
  const dy = channelsOf(trial, shape, 0.3);
  return { shape, dy, x, numbers: { gamma, mean: mean!, variance: variance!, residual: residual! } };
}

/** Into NaN, so that whatever is left out shows. */
async function run(
  trial: Trial,
  { shape, numbers, ...given }: Inputs,
  arrays: { dy?: DeviceArray; x?: DeviceArray } = {},
) {
  const { dy = trial.put(given.dy), x = trial.put(given.x) } = arrays;
  const none = (length: number): DeviceArray => trial.put(new Float32Array(length).fill(Number.NaN));
  const dx = none(given.x.length);
  const behind = new Float32Array(64).fill(1);
  // In the memory of wasm these lie behind each other.
  const after = trial.put(behind);
  const [dGamma, dBeta] = [none(shape.channels), none(shape.channels)];
  trial.kernels.batchNormBackward({
    ...shape,
    ...{ dy, x, dx, dGamma, dBeta },
    gamma: trial.put(numbers.gamma),
    mean: trial.put(numbers.mean),
    variance: trial.put(numbers.variance),
    residual: trial.put(numbers.residual),
  });
  trial.bits('what lies behind dx', await trial.read(after), behind);
  return { dx: await trial.read(dx), dGamma: await trial.read(dGamma), dBeta: await trial.read(dBeta) };
}

async function check(trial: Trial, inputs: Inputs): Promise<void> {
  const { shape, dy, x, numbers } = inputs;
  const got = await run(trial, inputs);
  const want = batchNormGradients(dy, x, numbers, shape, trial.accuracy);
  for (const name of ['dBeta', 'dGamma', 'dx'] as const) {
    trial.close(name, got[name], want[name].exact, want[name].bound);
  }
}

const of =
  (sizes: Parameters<typeof shapeOf>[0], mean?: number, spread?: number, epsilon?: number) =>
  (trial: Trial): Promise<void> => {
    const shape = shapeOf(sizes, epsilon);
    return check(trial, inputsOf(trial, shape, channelsOf(trial, shape, mean, spread)));
  };

/** A residual that is not that of x, but large enough to show. */
async function largeResidual(trial: Trial): Promise<void> {
  const inputs = inputsOf(trial, shapeOf([3, 4, 25]));
  inputs.numbers.residual = uniforms(4, trial.random);
  await check(trial, inputs);
}

/** Equal gradients of a channel move nothing: dx is what rounding leaves. */
async function equalGradients(trial: Trial): Promise<void> {
  const shape = shapeOf([4, 3, 16]);
  const inputs = inputsOf(trial, shape);
  await check(trial, { ...inputs, dy: new Float32Array(inputs.x.length).fill(0.7) });
}

/** No variance: c is 0, so k is 0 and r is 1/√ε. */
async function constant(trial: Trial): Promise<void> {
  const shape = shapeOf([4, 3, 16]);
  await check(trial, inputsOf(trial, shape, new Float32Array(4 * 3 * 16).fill(0.3)));
}

/** A bad value of dy or of x spoils its channel and no other; the gradients of the weights close the gate. */
const notFinite =
  (which: 'dy' | 'x', sizes: Parameters<typeof shapeOf>[0], at: number) => async (trial: Trial) => {
    const shape = shapeOf(sizes);
    const inputs = inputsOf(trial, shape);
    const want = await run(trial, inputs);
    const bad = Math.floor(at / shape.space) % shape.channels;
    await withEachNotFinite(trial, inputs[which], at, async (array, name) => {
      const got = await run(trial, inputs, { [which]: array });
      trial.that(`dGamma beside ${name}`, !Number.isFinite(got.dGamma[bad]!));
      for (const result of ['dx', 'dGamma', 'dBeta'] as const) {
        const each = result === 'dx' ? shape.space : 1;
        const rest = (values: Float32Array) =>
          values.filter((_, i) => Math.floor(i / each) % shape.channels !== bad);
        trial.bits(`${result} of others beside ${name}`, rest(got[result]), rest(want[result]));
      }
      const spoiled = got.dx.filter((_, i) => Math.floor(i / shape.space) % shape.channels === bad);
      trial.that(
        `dx with ${name}`,
        spoiled.every((value) => !Number.isFinite(value)),
      );
    });
  };

const SPACES = [1, 3, 7, 8, 9, 49, 256, 257, 1021] as const;

export const batchNormBackward: KernelCases = [
  ...SPACES.map((space) => [`space of ${space}`, of([3, 5, space])] as const),
  ...[1, 4, 257].map((batch) => [`${batch} images`, of([batch, 3, 11])] as const),
  ...[1, 8, 65].map((channels) => [`${channels} channels`, of([2, channels, 6])] as const),
  ...[4, 5, 11].map((channels) => [`features, ${channels} channels`, of([37, channels, 1])] as const),
  ['one value a channel', of([1, 3, 1])],
  ['means up to 1000', of([5, 4, 60], 1000)],
  ['features with means up to 1000', of([300, 6, 1], 1000)],
  ['a mean of 1e4, a spread of 1e-3', of([4, 3, 33], 1e4, 1e-3)],
  ...[1e-3, 1e10].map((size) => [`values of ${size}`, of([3, 4, 33], size, size)] as const),
  ...[0, 0.5].map((epsilon) => [`epsilon of ${epsilon}`, of([3, 4, 20], 1, 1e-3, epsilon)] as const),
  ['a large residual', largeResidual],
  ['equal gradients', equalGradients],
  ['constant channels', constant],
  ['not finite: dy', notFinite('dy', [3, 4, 13], 4 * 13 + 2 * 13 + 5)],
  ['not finite: x', notFinite('x', [3, 4, 13], 2 * 4 * 13 + 12)],
  ['not finite: a feature', notFinite('x', [5, 7, 1], 2 * 7 + 2)],
  ['not finite: the gradient of a feature', notFinite('dy', [5, 7, 1], 4 * 7 + 6)],
];
