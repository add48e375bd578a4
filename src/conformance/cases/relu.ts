/** relu.wgsl: zeros in the place of what is below 0; NaN, −0 and denormals stay what they are. */
import type { KernelCases } from '../case.ts';
import { anyBits, LENGTHS, MANY, PERIOD, repeated, uniforms } from '../inputs.ts';
import { rectified } from '../references/relu.ts';
import type { Trial } from '../trial.ts';
import { withEachNotFinite } from './not-finite.ts';

async function ofLength(trial: Trial, length: number): Promise<void> {
  const values = anyBits(length, trial.random);
  const want = rectified(values);
  const [x, y] = [trial.put(values), trial.put(new Float32Array(length).fill(7))];
  trial.kernels.relu({ x, y });
  trial.bits('y', await trial.read(y), want);
  trial.bits('x', await trial.read(x), values);
  trial.kernels.relu({ x, y: x });
  trial.bits('y in the place of x', await trial.read(x), want);
}

/** A NaN, wherever it is, has to reach the gate. −∞ does not: it is below 0. */
async function notFinite(trial: Trial): Promise<void> {
  const values = uniforms(130, trial.random);
  // By fours, and behind the last eight.
  for (const at of [64, 129]) {
    await withEachNotFinite(trial, values, at, async (x, name) => {
      const [y, gate] = [trial.zeros(values.length), trial.put([1])];
      trial.kernels.relu({ x, y });
      const got = await trial.read(y);
      trial.bits(`y of ${name} in place ${at}`, got, rectified(await trial.read(x)));
      trial.kernels.finite({ gate, arrays: [y] });
      const want = name === '-infinity' ? 1 : 0;
      trial.close(`the gate of y of ${name} in place ${at}`, await trial.read(gate), [want], 0);
    });
  }
}

async function many(trial: Trial): Promise<void> {
  const values = uniforms(PERIOD, trial.random);
  const x = trial.put(repeated(values, MANY));
  trial.kernels.relu({ x, y: x });
  trial.bits('y', await trial.read(x), rectified(values));
}

export const relu: KernelCases = [
  ...LENGTHS.map((length) => [`length ${length}`, (t: Trial) => ofLength(t, length)] as const),
  ['not finite', notFinite],
  ['more than 65,535 workgroups', many, MANY],
];
