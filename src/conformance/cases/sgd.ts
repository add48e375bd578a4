/** sgd.wgsl: torch.optim.SGD. */
import type { SgdOptions } from '../../kernels/sgd.ts';
import type { KernelCases } from '../case.ts';
import { LENGTHS, MANY, PERIOD, repeated, uniforms } from '../inputs.ts';
import { sgdStep } from '../references/sgd.ts';
import type { Trial } from '../trial.ts';
import { withEachNotFinite } from './not-finite.ts';

const OPTIONS: SgdOptions = { learningRate: 0.03, momentum: 0.9, weightDecay: 1e-4 };

/** Each step is compared with one from the numbers that the kernel left: errors of steps do not add up. */
async function steps(trial: Trial, length: number, options: readonly SgdOptions[], scale = 1): Promise<void> {
  let p = uniforms(length, trial.random, scale);
  let b: Float32Array = new Float32Array(length);
  const [parameter, buffer, gate] = [trial.put(p), trial.put(b), trial.put([1])];
  for (const [step, option] of options.entries()) {
    const g = uniforms(length, trial.random, scale);
    trial.kernels.sgd({
      parameters: [parameter],
      gradients: [trial.put(g)],
      buffers: [buffer],
      ...option,
      gate,
    });
    const want = sgdStep(p, g, b, option, trial.accuracy);
    [p, b] = [await trial.read(parameter), await trial.read(buffer)];
    trial.near(`buffer, step ${step}`, b, want.buffer);
    trial.near(`parameter, step ${step}`, p, want.parameter);
  }
}

const ofLength = (length: number) => (trial: Trial) =>
  steps(trial, length, [OPTIONS, OPTIONS, { ...OPTIONS, learningRate: 0.003 }]);

async function gates(trial: Trial): Promise<void> {
  const [p, b, g] = [0, 1, 2].map(() => uniforms(300, trial.random)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const [parameter, buffer] = [trial.put(p), trial.put(b)];
  trial.kernels.sgd({
    parameters: [parameter],
    gradients: [trial.put(g)],
    buffers: [buffer],
    ...OPTIONS,
    gate: trial.put([0]),
  });
  trial.bits('parameter behind a closed gate', await trial.read(parameter), p);
  trial.bits('buffer behind a closed gate', await trial.read(buffer), b);
}

/** The gate that a bad gradient closes keeps the step from being taken. */
async function notFinite(trial: Trial): Promise<void> {
  const [p, g] = [uniforms(300, trial.random), uniforms(300, trial.random)];
  await withEachNotFinite(trial, g, 17, async (bad, name) => {
    const [parameter, buffer, gate] = [trial.put(p), trial.put(p), trial.put([1])];
    trial.kernels.finite({ gate, arrays: [bad] });
    trial.kernels.sgd({ parameters: [parameter], gradients: [bad], buffers: [buffer], ...OPTIONS, gate });
    trial.bits(`parameter after ${name}`, await trial.read(parameter), p);
    trial.bits(`buffer after ${name}`, await trial.read(buffer), p);
  });
}

async function many(trial: Trial): Promise<void> {
  const [p, b, g] = [0, 1, 2].map(() => uniforms(PERIOD, trial.random)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const [parameter, buffer] = [trial.put(repeated(p, MANY)), trial.put(repeated(b, MANY))];
  trial.kernels.sgd({
    parameters: [parameter],
    gradients: [trial.put(repeated(g, MANY))],
    buffers: [buffer],
    ...OPTIONS,
    gate: trial.put([1]),
  });
  const want = sgdStep(p, g, b, OPTIONS, trial.accuracy);
  trial.near('parameter', await trial.read(parameter), want.parameter);
  trial.near('buffer', await trial.read(buffer), want.buffer);
}

export const sgd: KernelCases = [
  ...LENGTHS.map((length) => [`length ${length}`, ofLength(length)] as const),
  ['no momentum, no decay', (t) => steps(t, 65, [{ learningRate: 0.1, momentum: 0, weightDecay: 0 }])],
  ['learning rate 0 moves nothing', (t) => steps(t, 65, [{ ...OPTIONS, learningRate: 0 }])],
  ['denormals', (t) => steps(t, 129, [OPTIONS, OPTIONS], 2 ** -127)],
  ['large values', (t) => steps(t, 129, [OPTIONS, OPTIONS], 2 ** 124)],
  ['gates', gates],
  ['not finite', notFinite],
  ['more than 65,535 workgroups', many, MANY],
];
