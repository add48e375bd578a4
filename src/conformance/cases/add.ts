/** add.wgsl: sums of two arrays. */
import type { KernelCases } from '../case.ts';
import { LENGTHS, MANY, PERIOD, repeated, uniforms } from '../inputs.ts';
import { added } from '../references/add.ts';
import type { Trial } from '../trial.ts';
import { withEachNotFinite, without } from './not-finite.ts';

async function ofLength(trial: Trial, length: number): Promise<void> {
  const [left, right] = [uniforms(length, trial.random), uniforms(length, trial.random)];
  const [want, twice] = [added(left, right), added(left, left)];
  const [a, b, y] = [trial.put(left), trial.put(right), trial.put(new Float32Array(length).fill(7))];
  trial.kernels.add({ a, b, y });
  trial.bits('y', await trial.read(y), want);
  trial.bits('a', await trial.read(a), left);
  trial.bits('b', await trial.read(b), right);
  trial.kernels.add({ a, b, y: b });
  trial.bits('y in the place of b', await trial.read(b), want);
  trial.kernels.write(b, right);
  trial.kernels.add({ a: b, b: a, y: b });
  trial.bits('y in the place of a', await trial.read(b), want);
  trial.kernels.add({ a, b: a, y: a });
  trial.bits('a + a in the place of a', await trial.read(a), twice);
}

async function ofSizes(trial: Trial): Promise<void> {
  const sizes = [2 ** -149, 2 ** -127, 2 ** -126, 2 ** -100, 1, 2 ** 100, 2 ** 126];
  const values = (step: number) =>
    Float32Array.from({ length: 98 }, (_, i) => (i % 3 ? 1 : -1) * sizes[(i * step) % 7]!);
  const [a, b] = [values(1), values(3)];
  const y = trial.zeros(98);
  trial.kernels.add({ a: trial.put(a), b: trial.put(b), y });
  const lost = trial.accuracy.exact ? 0 : trial.accuracy.smallest;
  trial.close('y', await trial.read(y), added(a, b), lost);
}

/** A bad value of a, or of b, spoils its sum and no other, and the gate sees it. */
async function notFinite(trial: Trial): Promise<void> {
  const values = uniforms(130, trial.random);
  const want = without(added(values, values), 64, 65);
  const other = trial.put(values);
  await withEachNotFinite(trial, values, 64, async (bad, name) => {
    for (const [of, given] of [
      ['a', { a: bad, b: other }],
      ['b', { a: other, b: bad }],
    ] as const) {
      const [y, gate] = [trial.zeros(values.length), trial.put([1])];
      trial.kernels.add({ ...given, y });
      trial.bits(`the others beside ${name} of ${of}`, without(await trial.read(y), 64, 65), want);
      trial.kernels.finite({ gate, arrays: [y] });
      trial.close(`the gate of a sum with ${name} of ${of}`, await trial.read(gate), [0], 0);
    }
  });
}

async function many(trial: Trial): Promise<void> {
  const [a, b] = [uniforms(PERIOD, trial.random), uniforms(PERIOD, trial.random)];
  const y = trial.put(repeated(a, MANY));
  trial.kernels.add({ a: y, b: trial.put(repeated(b, MANY)), y });
  trial.bits('y', await trial.read(y), added(a, b));
}

export const add: KernelCases = [
  ...LENGTHS.map((length) => [`length ${length}`, (t: Trial) => ofLength(t, length)] as const),
  ['denormals and large values', ofSizes],
  ['not finite', notFinite],
  ['more than 65,535 workgroups', many, MANY],
];
