/** batch-norm.wgsl and batch-norm-statistics.wgsl: BatchNorm in training. */
import type { BatchNormShape } from '../../kernels/batch-norm.ts';
import type { DeviceArray } from '../../kernels/device-array.ts';
import type { KernelCases } from '../case.ts';
import { uniforms } from '../inputs.ts';
import { batchStatistics, type ChannelNumbers, normalized, valuesOf } from '../references/batch-norm.ts';
import type { Trial } from '../trial.ts';
import { withEachNotFinite } from './not-finite.ts';

type Sizes = readonly [batch: number, channels: number, space: number];

export const shapeOf = ([batch, channels, space]: Sizes, epsilon = 1e-5): BatchNormShape => ({
  batch,
  channels,
  space,
  epsilon,
});

/** Each channel has a mean and a spread of its own. */
export function channelsOf(
  { random }: Trial,
  { batch, channels, space }: BatchNormShape,
  mean = 1,
  spread = 1,
): Float32Array {
  const means = uniforms(channels, random, mean);
  const spreads = uniforms(channels, random).map((value) => spread * (1 + value / 2));
  const noise = uniforms(batch * channels * space, random);
  return noise.map((value, i) => {
    const c = Math.floor(i / space) % channels;
    return means[c]! + spreads[c]! * value;
  });
}

interface Inputs {
  shape: BatchNormShape;
  x: Float32Array;
  gamma: Float32Array;
  beta: Float32Array;
}

function inputsOf(trial: Trial, shape: BatchNormShape, x = channelsOf(trial, shape)): Inputs {
  const [gamma, beta] = [uniforms(shape.channels, trial.random, 2), uniforms(shape.channels, trial.random)];
  return { shape, x, gamma, beta };
}

type Found = Pick<ChannelNumbers, 'mean' | 'variance' | 'residual'>;

/** Into NaN, so that whatever is left out shows. */
async function run(trial: Trial, { shape, ...given }: Inputs, x = trial.put(given.x)) {
  const none = (length: number): DeviceArray => trial.put(new Float32Array(length).fill(Number.NaN));
  const y = none(given.x.length);
  const behind = new Float32Array(64).fill(1);
  // In the memory of wasm these lie behind each other.
  const after = trial.put(behind);
  const [mean, variance, residual] = [none(shape.channels), none(shape.channels), none(shape.channels)];
  const [gamma, beta] = [trial.put(given.gamma), trial.put(given.beta)];
  trial.kernels.batchNorm({ ...shape, x, gamma, beta, y, mean, variance, residual, statistics: 'batch' });
  trial.bits('what lies behind y', await trial.read(after), behind);
  const found: Found = {
    mean: await trial.read(mean),
    variance: await trial.read(variance),
    residual: await trial.read(residual),
  };
  return { y: await trial.read(y), found };
}

async function check(trial: Trial, inputs: Inputs): Promise<void> {
  const { shape, x, gamma, beta } = inputs;
  const { y, found } = await run(trial, inputs);
  for (let c = 0; c < shape.channels; c++) {
    const want = batchStatistics(valuesOf(x, shape, c), shape.space, found.mean[c]!, trial.accuracy);
    for (const name of ['mean', 'variance', 'residual'] as const) {
      trial.close(`${name} of channel ${c}`, [found[name][c]!], [want[name].value], want[name].bound);
    }
  }
  trial.near('y', y, normalized(x, { gamma, beta, ...found }, shape, trial.accuracy));
}

const of =
  (sizes: Sizes, mean?: number, spread?: number, epsilon?: number) =>
  (trial: Trial): Promise<void> => {
    const shape = shapeOf(sizes, epsilon);
    return check(trial, inputsOf(trial, shape, channelsOf(trial, shape, mean, spread)));
  };

/** Images whose values are far from those of the first one, and a first value far from all others. */
async function unlikeTheFirst(trial: Trial): Promise<void> {
  const shape = shapeOf([6, 3, 50]);
  const x = channelsOf(trial, shape);
  for (let i = 0; i < 3 * 50; i++) x[i]! += 5000;
  x[3 * 50]! -= 1e6;
  await check(trial, inputsOf(trial, shape, x));
}

/** No variance, to the last bit: y is β but for what the mean, which may be rounded, does to it. */
async function constant(trial: Trial): Promise<void> {
  const shape = shapeOf([7, 5, 9]);
  const values = uniforms(shape.channels, trial.random, 100);
  const x = new Float32Array(7 * 5 * 9).map((_, i) => values[Math.floor(i / 9) % 5]!);
  const inputs = inputsOf(trial, shape, x);
  const { y, found } = await run(trial, inputs);
  trial.bits('mean', found.mean, values);
  for (const name of ['variance', 'residual'] as const) trial.close(name, found[name], [0], 0);
  trial.bits(
    'y',
    y,
    inputs.x.map((_, i) => inputs.beta[Math.floor(i / 9) % 5]!),
  );
}

/** Given what a call has found, y is the same again, and that stays. */
async function again(trial: Trial): Promise<void> {
  const inputs = inputsOf(trial, shapeOf([3, 6, 41]));
  const { y, found } = await run(trial, inputs);
  const [first, second] = [await given(trial, inputs, found), await given(trial, inputs, found)];
  trial.bits('y', first, y);
  trial.bits('y once more', second, y);
}

async function given(trial: Trial, { shape, ...inputs }: Inputs, found: Found): Promise<Float32Array> {
  const y = trial.put(new Float32Array(inputs.x.length).fill(Number.NaN));
  const [x, gamma, beta] = [trial.put(inputs.x), trial.put(inputs.gamma), trial.put(inputs.beta)];
  const [mean, variance, residual] = [
    trial.put(found.mean),
    trial.put(found.variance),
    trial.put(found.residual),
  ];
  trial.kernels.batchNorm({ ...shape, x, gamma, beta, y, mean, variance, residual, statistics: 'given' });
  for (const [name, array] of Object.entries({ mean, variance, residual })) {
    trial.bits(name, await trial.read(array), found[name as keyof Found]);
  }
  return trial.read(y);
}

/** Statistics of other values. */
const others = (sizes: Sizes) => async (trial: Trial) => {
  const inputs = inputsOf(trial, shapeOf(sizes));
  const found: Found = {
    mean: uniforms(9, trial.random, 3),
    variance: uniforms(9, trial.random).map(Math.abs),
    residual: uniforms(9, trial.random, 1e-3),
  };
  const { shape, x, gamma, beta } = inputs;
  const y = await given(trial, inputs, found);
  trial.near('y', y, normalized(x, { gamma, beta, ...found }, shape, trial.accuracy));
};

/** A bad value spoils its channel and no other; the statistics close the gate. */
const notFinite = (sizes: Sizes, at: number) => async (trial: Trial) => {
  const shape = shapeOf(sizes);
  const inputs = inputsOf(trial, shape);
  const want = await run(trial, inputs);
  const bad = Math.floor(at / shape.space) % shape.channels;
  await withEachNotFinite(trial, inputs.x, at, async (array, name) => {
    const got = await run(trial, inputs, array);
    for (const result of ['mean', 'variance'] as const) {
      trial.that(`${result} beside ${name}`, !Number.isFinite(got.found[result][bad]!));
    }
    const rest = (values: Float32Array, each: number) =>
      values.filter((_, i) => Math.floor(i / each) % shape.channels !== bad);
    trial.bits(`y beside ${name}`, rest(got.y, shape.space), rest(want.y, shape.space));
    for (const result of ['mean', 'variance', 'residual'] as const) {
      trial.bits(
        `${result} of others beside ${name}`,
        rest(got.found[result], 1),
        rest(want.found[result], 1),
      );
    }
    const spoiled = got.y.filter((_, i) => Math.floor(i / shape.space) % shape.channels === bad);
    trial.that(
      `y with ${name}`,
      spoiled.every((value) => !Number.isFinite(value)),
    );
  });
};

/** 1, and what is left of vectors and lanes; planes whose values are no whole vectors. */
const SPACES = [1, 3, 7, 8, 9, 49, 256, 257, 1021] as const;

export const batchNorm: KernelCases = [
  ...SPACES.map((space) => [`space of ${space}`, of([3, 5, space])] as const),
  ...[1, 4, 257].map((batch) => [`${batch} images`, of([batch, 3, 11])] as const),
  ...[1, 8, 65].map((channels) => [`${channels} channels`, of([2, channels, 6])] as const),
  ...[4, 5, 11].map((channels) => [`features, ${channels} channels`, of([37, channels, 1])] as const),
  ['one value a channel', of([1, 3, 1])],
  ...[10, 1e6].map((mean) => [`means up to ${mean}`, of([5, 4, 60], mean)] as const),
  ['features with means up to 1e6', of([300, 6, 1], 1e6)],
  ['a mean of 1e4, a spread of 1e-3', of([4, 3, 33], 1e4, 1e-3)],
  ...[1e-18, 1e15].map((size) => [`values of ${size}`, of([3, 4, 33], size, size)] as const),
  ...[0, 0.5].map((epsilon) => [`epsilon of ${epsilon}`, of([3, 4, 20], 1, 1e-3, epsilon)] as const),
  ['images unlike the first', unlikeTheFirst],
  ['constant channels', constant],
  ['statistics of before', again],
  ['statistics of other values', others([2, 9, 21])],
  ['statistics of other features', others([3, 9, 1])],
  ['not finite', notFinite([3, 4, 13], 4 * 13 + 2 * 13 + 5)],
  ['not finite: the first value', notFinite([2, 3, 9], 9)],
  ['not finite: a feature', notFinite([5, 7, 1], 2 * 7 + 2)],
];
