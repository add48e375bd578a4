/** accumulate.wgsl: sums of gradients and of statistics. */
import type { KernelCases } from '../case.ts';
import { LENGTHS, MANY, PERIOD, repeated, uniforms } from '../inputs.ts';
import { accumulated, accumulatedRows } from '../references/accumulate.ts';
import type { Trial } from '../trial.ts';
import { withEachNotFinite, without } from './not-finite.ts';

async function ofLength(trial: Trial, length: number): Promise<void> {
  const [sum, x] = [uniforms(length, trial.random), uniforms(length, trial.random)];
  const target = trial.put(sum);
  trial.kernels.accumulate({ sums: [target], xs: [trial.put(x)] });
  trial.bits('sum', await trial.read(target), accumulated(sum, x));
}

async function ofSizes(trial: Trial): Promise<void> {
  const sizes = [2 ** -149, 2 ** -127, 2 ** -126, 2 ** -100, 1, 2 ** 100, 2 ** 126];
  const values = (step: number) =>
    Float32Array.from({ length: 98 }, (_, i) => (i % 3 ? 1 : -1) * sizes[(i * step) % 7]!);
  const [sum, x] = [values(1), values(3)];
  const target = trial.put(sum);
  trial.kernels.accumulate({ sums: [target], xs: [trial.put(x)] });
  const lost = trial.accuracy.exact ? 0 : trial.accuracy.smallest;
  trial.close('sum', await trial.read(target), accumulated(sum, x), lost);
}

async function notFinite(trial: Trial): Promise<void> {
  const values = uniforms(130, trial.random);
  const want = without(accumulated(values, values), 64, 65);
  await withEachNotFinite(trial, values, 64, async (bad, name) => {
    const [sum, gate] = [trial.put(values), trial.put([1])];
    trial.kernels.accumulate({ sums: [sum], xs: [bad] });
    trial.bits(`the others beside ${name}`, without(await trial.read(sum), 64, 65), want);
    // Sums of gradients are what a step looks at.
    trial.kernels.finite({ gate, arrays: [sum] });
    trial.close(`the gate of a sum with ${name}`, await trial.read(gate), [0], 0);
  });
}

async function many(trial: Trial): Promise<void> {
  const [sum, x] = [uniforms(PERIOD, trial.random), uniforms(PERIOD, trial.random)];
  const target = trial.put(repeated(sum, MANY));
  trial.kernels.accumulate({ sums: [target], xs: [trial.put(repeated(x, MANY))] });
  trial.bits('sum', await trial.read(target), accumulated(sum, x));
}

/** Arrays of several rows among others, which are added or take the place of what is there. */
const ofRows = (add: boolean) => async (trial: Trial) => {
  const shapes = [
    [3, 70],
    [1, 33],
    [8, 301],
  ] as const;
  const given = shapes.map(([rows, length]) => ({
    length,
    sum: uniforms(length, trial.random),
    x: uniforms(rows * length, trial.random),
  }));
  const sums = given.map(({ sum }) => trial.put(add ? sum : sum.fill(Number.NaN)));
  trial.kernels.accumulate({ sums, xs: given.map(({ x }) => trial.put(x)), add });
  for (const [i, { sum, x, length }] of given.entries()) {
    const want = accumulatedRows(add ? sum : null, x, length);
    trial.bits(`sum of ${shapes[i]![0]} rows`, await trial.read(sums[i]!), want);
  }
};

export const accumulate: KernelCases = [
  ...LENGTHS.map((length) => [`length ${length}`, (t: Trial) => ofLength(t, length)] as const),
  ['rows', ofRows(true)],
  ['rows in the place of what was there', ofRows(false)],
  ['denormals and large values', ofSizes],
  ['not finite', notFinite],
  ['more than 65,535 workgroups', many, MANY],
];
