/** adamw.wgsl: torch.optim.AdamW. */
import type { AdamwOptions } from '../../kernels/adamw.ts';
import type { KernelCases } from '../case.ts';
import { LENGTHS, MANY, PERIOD, repeated, uniforms } from '../inputs.ts';
import { type AdamwArrays, adamwStep } from '../references/adamw.ts';
import type { Trial } from '../trial.ts';
import { withEachNotFinite } from './not-finite.ts';

const OPTIONS: AdamwOptions = {
  learningRate: 0.01,
  weightDecay: 0.1,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  step: 1,
};

/** Two calls of other steps, then with what a later step has of each. */
const STEPS: readonly AdamwOptions[] = [
  OPTIONS,
  { ...OPTIONS, step: 2 },
  { ...OPTIONS, learningRate: 0.001, step: 10_000 },
];

function arraysOf(trial: Trial, length: number, scale = 1): AdamwArrays {
  const [parameter, gradient, mean] = [0, 1, 2].map(() => uniforms(length, trial.random, scale)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  return { parameter, gradient, mean, square: uniforms(length, trial.random, scale).map(Math.abs) };
}

/** A call on arrays, and what it leaves in them. */
function run(
  trial: Trial,
  { parameter, gradient, mean, square }: AdamwArrays,
  options: AdamwOptions,
  gate = 1,
) {
  const [p, m, v] = [trial.put(parameter), trial.put(mean), trial.put(square)];
  trial.kernels.adamw({
    parameters: [p],
    gradients: [trial.put(gradient)],
    means: [m],
    squares: [v],
    ...options,
    gate: trial.put([gate]),
  });
  return async () => ({
    parameter: await trial.read(p),
    mean: await trial.read(m),
    square: await trial.read(v),
  });
}

/** Each step is compared with one from the numbers that the kernel left: errors of steps do not add up. */
async function steps(
  trial: Trial,
  length: number,
  options: readonly AdamwOptions[],
  scale = 1,
): Promise<void> {
  let now: Omit<AdamwArrays, 'gradient'> = {
    parameter: uniforms(length, trial.random),
    mean: new Float32Array(length),
    square: new Float32Array(length),
  };
  for (const [i, option] of options.entries()) {
    const before = { ...now, gradient: uniforms(length, trial.random, scale) };
    now = await run(trial, before, option)();
    const want = adamwStep(before, option, trial.accuracy);
    trial.near(`mean, call ${i}`, now.mean, want.mean);
    trial.near(`mean of squares, call ${i}`, now.square, want.square);
    trial.near(`parameter, call ${i}`, now.parameter, want.parameter);
  }
}

async function gates(trial: Trial): Promise<void> {
  const arrays = arraysOf(trial, 300);
  const left = await run(trial, arrays, OPTIONS, 0)();
  for (const [name, values] of Object.entries(left)) {
    trial.bits(`${name} behind a closed gate`, values, arrays[name as keyof AdamwArrays]);
  }
}

/** The gate that a bad gradient closes keeps the step from being taken. */
async function notFinite(trial: Trial): Promise<void> {
  const { parameter: p, gradient, mean, square } = arraysOf(trial, 300);
  await withEachNotFinite(trial, gradient, 17, async (bad, name) => {
    const [parameter, m, v, gate] = [trial.put(p), trial.put(mean), trial.put(square), trial.put([1])];
    trial.kernels.finite({ gate, arrays: [bad] });
    trial.kernels.adamw({
      ...{ parameters: [parameter], gradients: [bad], means: [m], squares: [v] },
      ...OPTIONS,
      gate,
    });
    trial.bits(`parameter after ${name}`, await trial.read(parameter), p);
    trial.bits(`mean after ${name}`, await trial.read(m), mean);
    trial.bits(`mean of squares after ${name}`, await trial.read(v), square);
  });
}

async function many(trial: Trial): Promise<void> {
  const block = arraysOf(trial, PERIOD);
  const entries = Object.entries(block).map(([name, values]) => [name, repeated(values, MANY)]);
  const left = await run(trial, Object.fromEntries(entries) as AdamwArrays, STEPS[1]!)();
  const want = adamwStep(block, STEPS[1]!, trial.accuracy);
  trial.near('mean', left.mean, want.mean);
  trial.near('mean of squares', left.square, want.square);
  trial.near('parameter', left.parameter, want.parameter);
}

/** Where nothing was ever learned nothing moves but by decay, and ε keeps 0 / 0 away. */
async function noGradient(trial: Trial): Promise<void> {
  const parameter = uniforms(65, trial.random);
  const zero = new Float32Array(65);
  const before = { parameter, gradient: zero, mean: zero, square: zero };
  for (const epsilon of [1e-8, 1e-30]) {
    const left = await run(trial, before, { ...OPTIONS, epsilon, weightDecay: 0 })();
    trial.bits(`parameter, ε = ${epsilon}`, left.parameter, parameter);
  }
}

export const adamw: KernelCases = [
  ...LENGTHS.map((length) => [`length ${length}`, (t: Trial) => steps(t, length, STEPS)] as const),
  ['no decay', (t) => steps(t, 65, [{ ...OPTIONS, weightDecay: 0 }, STEPS[1]!])],
  ['β of 0', (t) => steps(t, 65, [{ ...OPTIONS, beta1: 0, beta2: 0 }])],
  ['a large ε', (t) => steps(t, 65, [{ ...OPTIONS, epsilon: 0.5 }])],
  ['learning rate 0 moves nothing', (t) => steps(t, 65, [{ ...OPTIONS, learningRate: 0 }])],
  ['no gradient', noGradient],
  ...[2 ** -127, 1e-30, 1e-19, 1e-8, 1e8, 2 ** 60].map(
    (size) => [`gradients of ${size}`, (t: Trial) => steps(t, 129, STEPS, size)] as const,
  ),
  ['gates', gates],
  ['not finite', notFinite],
  ['more than 65,535 workgroups', many, MANY],
];
