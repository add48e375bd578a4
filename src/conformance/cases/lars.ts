/** lars-norms.wgsl, lars-scale.wgsl, lars.wgsl: LARS in both of its forms. */
import type { LarsOptions } from '../../kernels/lars.ts';
import type { KernelCases } from '../case.ts';
import { LENGTHS, MANY, PERIOD, repeated, uniforms } from '../inputs.ts';
import { larsStep } from '../references/lars.ts';
import type { Trial } from '../trial.ts';
import { withEachNotFinite } from './not-finite.ts';

const OPTIONS: LarsOptions = {
  learningRate: 0.3,
  momentum: 0.9,
  weightDecay: 0.05,
  trust: 0.02,
  rateInMomentum: true,
};
const OUTSIDE: LarsOptions = { ...OPTIONS, rateInMomentum: false };
const PLAIN: LarsOptions = { ...OPTIONS, trust: null, weightDecay: 0 };

interface Arrays {
  p: Float32Array;
  g: Float32Array;
  b: Float32Array;
}

function arraysOf(trial: Trial, length: number, sizes: readonly [number, number] = [1, 1]): Arrays {
  const [size, gradientSize] = sizes;
  return {
    p: uniforms(length, trial.random, size),
    g: uniforms(length, trial.random, gradientSize),
    b: uniforms(length, trial.random, size / 16),
  };
}

/** A step of several tensors in one call. */
async function step(
  trial: Trial,
  tensors: readonly Arrays[],
  options: LarsOptions,
  what = '',
): Promise<void> {
  const put = (of: keyof Arrays) => tensors.map((tensor) => trial.put(tensor[of]));
  const [parameters, gradients, buffers] = [put('p'), put('g'), put('b')];
  trial.kernels.lars({ parameters, gradients, buffers, ...options, gate: trial.put([1]) });
  for (const [i, { p, g, b }] of tensors.entries()) {
    const want = larsStep(p, g, b, options, trial.accuracy);
    trial.near(`buffer ${i}${what}`, await trial.read(buffers[i]!), want.buffer);
    trial.near(`parameter ${i}${what}`, await trial.read(parameters[i]!), want.parameter);
  }
}

async function ofLength(trial: Trial, length: number): Promise<void> {
  for (const options of [OPTIONS, OUTSIDE, PLAIN, { ...OUTSIDE, trust: null }]) {
    await step(trial, [arraysOf(trial, length)], options, `, ${JSON.stringify(options)}`);
  }
}

/** The ratio of each tensor is its own, whatever the sizes of all. */
async function list(trial: Trial): Promise<void> {
  const sizes = [1, 1e-6, 1e3, 1e-12, 1];
  const tensors = [5, 3000, 1, 0, 1025].map((length, i) =>
    arraysOf(trial, length, [sizes[i]!, sizes[(i * 3 + 1) % 5]!]),
  );
  const some = tensors.filter(({ p }) => p.length > 0);
  for (const options of [OPTIONS, OUTSIDE, PLAIN]) await step(trial, some, options);
  // An empty one in between has no ratio, and takes none from another.
  const put = (of: keyof Arrays) => tensors.map((tensor) => trial.put(tensor[of]));
  const [parameters, gradients, buffers] = [put('p'), put('g'), put('b')];
  trial.kernels.lars({ parameters, gradients, buffers, ...OPTIONS, gate: trial.put([1]) });
  const want = larsStep(tensors[4]!.p, tensors[4]!.g, tensors[4]!.b, OPTIONS, trial.accuracy);
  trial.near('the buffer after an empty one', await trial.read(buffers[4]!), want.buffer);
}

/** Where a length is 0 the gradient is taken as it is. */
async function zeros(trial: Trial): Promise<void> {
  const { p, g, b } = arraysOf(trial, 77);
  const zero = new Float32Array(77);
  for (const options of [OPTIONS, OUTSIDE]) {
    await step(trial, [{ p: zero, g, b }], options, ' of zeros');
    await step(trial, [{ p, g: zero, b }], options, ', decay alone');
    await step(trial, [{ p, g: zero, b }], { ...options, weightDecay: 0 }, ', no gradient');
    await step(trial, [{ p: zero, g: zero, b: zero }], options, ', nothing at all');
  }
}

/** Wherever the largest values are, whoever looks for them: what is scaled by another one overflows. */
async function oneLarge(trial: Trial): Promise<void> {
  for (const at of [0, 1, 63, 64, 100, 1023, 1024, 2047, 2500]) {
    const tensor = arraysOf(trial, 2501);
    tensor.p[at] = 2 ** 80;
    tensor.g[(at * 7 + 5) % 2501] = -(2 ** 90);
    await step(trial, [tensor], OPTIONS, `, one large at ${at}`);
  }
}

/** 64 lanes of blocks, of a few of which each is far larger than those before. */
async function blocks(trial: Trial, length: number): Promise<void> {
  const tensor = arraysOf(trial, length);
  for (let i = 0; i < length; i++) {
    const size = 2 ** (((i >> 10) % 5) - 2);
    tensor.p[i]! *= size;
    tensor.g[i]! /= size;
  }
  // The largest of all beyond the 64th, too.
  [tensor.p[length - 1], tensor.g[length - 2]] = [-(2 ** 20), 2 ** 15];
  await step(trial, [tensor], OPTIONS);
}

async function gates(trial: Trial): Promise<void> {
  const { p, g, b } = arraysOf(trial, 300);
  for (const options of [OPTIONS, PLAIN]) {
    const [parameter, buffer] = [trial.put(p), trial.put(b)];
    trial.kernels.lars({
      ...{ parameters: [parameter], gradients: [trial.put(g)], buffers: [buffer] },
      ...options,
      gate: trial.put([0]),
    });
    trial.bits('parameter behind a closed gate', await trial.read(parameter), p);
    trial.bits('buffer behind a closed gate', await trial.read(buffer), b);
  }
}

/** The gate that a bad gradient closes keeps the step from being taken, by the other tensors of the call, too. */
async function notFinite(trial: Trial): Promise<void> {
  const { p, g, b } = arraysOf(trial, 300);
  await withEachNotFinite(trial, g, 17, async (bad, name) => {
    const parameters = [trial.put(p), trial.put(p)];
    const buffers = [trial.put(b), trial.put(b)];
    const gate = trial.put([1]);
    trial.kernels.finite({ gate, arrays: [bad] });
    trial.kernels.lars({ parameters, gradients: [bad, trial.put(g)], buffers, ...OPTIONS, gate });
    for (const array of parameters) trial.bits(`parameter after ${name}`, await trial.read(array), p);
    for (const array of buffers) trial.bits(`buffer after ${name}`, await trial.read(array), b);
  });
}

async function many(trial: Trial): Promise<void> {
  const block = arraysOf(trial, PERIOD);
  const put = (values: Float32Array) => trial.put(repeated(values, MANY));
  const [parameter, buffer] = [put(block.p), put(block.b)];
  const [parameters, gradients, buffers] = [[parameter], [put(block.g)], [buffer]];
  // Without a ratio: software GPUs take half a minute for the length of so many.
  trial.kernels.lars({ parameters, gradients, buffers, ...PLAIN, gate: trial.put([1]) });
  const want = larsStep(block.p, block.g, block.b, PLAIN, trial.accuracy);
  trial.near('buffer', await trial.read(buffer), want.buffer);
  trial.near('parameter', await trial.read(parameter), want.parameter);
}

export const lars: KernelCases = [
  ...LENGTHS.map((length) => [`length ${length}`, (t: Trial) => ofLength(t, length)] as const),
  ['no momentum, no decay', (t) => step(t, [arraysOf(t, 65)], { ...OPTIONS, momentum: 0, weightDecay: 0 })],
  ['learning rate 0', (t) => step(t, [arraysOf(t, 65)], { ...OPTIONS, learningRate: 0 })],
  [
    'learning rate 0, whatever the ratio',
    (t) =>
      step(t, [arraysOf(t, 65, [1e10, 1e-20])], { ...OPTIONS, learningRate: 0, momentum: 0, weightDecay: 0 }),
  ],
  ['zeros', zeros],
  ['list', list],
  ['one large value in each place', oneLarge],
  ...[65_535, 65_537, 140_001].map(
    (length) => [`blocks of ${length}`, (t: Trial) => blocks(t, length)] as const,
  ),
  ...(
    [
      [1, 1e-30],
      [1, 1e-19],
      [1e-25, 1],
      [1e-30, 1e-30],
      [1, 1e30],
      // A factor beyond float32.
      [1e10, 1e-32],
      // And one that is 0 there.
      [1e-25, 1e25],
      [2 ** 120, 2 ** 120],
      [2 ** -127, 2 ** -127],
      [1, 2 ** -149],
    ] as const
  ).map(
    (sizes) =>
      [
        `values of ${sizes[0]}, gradients of ${sizes[1]}`,
        (t: Trial) => step(t, [arraysOf(t, 129, sizes)], { ...OPTIONS, weightDecay: 0 }),
      ] as const,
  ),
  ['gates', gates],
  ['not finite', notFinite],
  ['more than 65,535 workgroups', many, MANY],
];
