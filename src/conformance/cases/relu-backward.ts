/** relu-backward.wgsl: gradients where y is above 0. */
import type { KernelCases } from '../case.ts';
import { anyBits, LENGTHS, MANY, PERIOD, repeated, uniforms } from '../inputs.ts';
import { rectified } from '../references/relu.ts';
import { rectifiedGradient } from '../references/relu-backward.ts';
import type { Trial } from '../trial.ts';
import { withEachNotFinite } from './not-finite.ts';

/** By what relu was given, then by what it gave. Odd values of y have common ones of dy, and the other way round, where there is room. */
async function ofLength(trial: Trial, length: number): Promise<void> {
  const [gradients, values] = [anyBits(length, trial.random).reverse(), anyBits(length, trial.random)];
  const want = rectifiedGradient(gradients, values);
  const [dy, y] = [trial.put(gradients), trial.put(values)];
  const dx = trial.put(new Float32Array(length).fill(7));
  trial.kernels.reluBackward({ dy, y, dx });
  trial.bits('dx', await trial.read(dx), want);
  trial.bits('dy', await trial.read(dy), gradients);
  trial.bits('y', await trial.read(y), values);
  for (const place of ['dy', 'y'] as const) {
    const arrays = { dy: trial.put(gradients), y: trial.put(rectified(values)) };
    trial.kernels.reluBackward({ ...arrays, dx: arrays[place] });
    trial.bits(`dx in the place of ${place}`, await trial.read(arrays[place]), want);
  }
}

/** Where y is NaN the gate over dx closes, whatever dy is; where it is infinite dx is dy, or 0. */
async function notFinite(trial: Trial): Promise<void> {
  const gradients = uniforms(130, trial.random);
  const values = uniforms(130, trial.random);
  const dy = trial.put(gradients);
  // By fours, and behind the last eight.
  for (const at of [64, 129]) {
    await withEachNotFinite(trial, values, at, async (y, name) => {
      const [dx, gate] = [trial.zeros(values.length), trial.put([1])];
      trial.kernels.reluBackward({ dy, y, dx });
      const want = rectifiedGradient(gradients, await trial.read(y));
      trial.bits(`dx of ${name} in place ${at}`, await trial.read(dx), want);
      trial.kernels.finite({ gate, arrays: [dx] });
      const open = name.endsWith('infinity') ? 1 : 0;
      trial.close(`the gate of dx of ${name} in place ${at}`, await trial.read(gate), [open], 0);
    });
  }
}

async function many(trial: Trial): Promise<void> {
  const [gradients, values] = [uniforms(PERIOD, trial.random), uniforms(PERIOD, trial.random)];
  const dy = trial.put(repeated(gradients, MANY));
  trial.kernels.reluBackward({ dy, y: trial.put(repeated(values, MANY)), dx: dy });
  trial.bits('dx', await trial.read(dy), rectifiedGradient(gradients, values));
}

export const reluBackward: KernelCases = [
  ...LENGTHS.map((length) => [`length ${length}`, (t: Trial) => ofLength(t, length)] as const),
  ['not finite', notFinite],
  ['more than 65,535 workgroups', many, MANY],
];
