/** accumulate.wgsl, and what moves bits: copy.wgsl, gather-rows.wgsl, scatter-rows.wgsl. */
import { type Case, casesOf } from '../case.ts';
import { EXTREMES, fromBits, LENGTHS, MANY, NOT_FINITE, PERIOD, repeated, uniforms } from '../inputs.ts';
import type { Trial } from '../trial.ts';
import { withEachNotFinite, without } from './not-finite.ts';

/** Random values, with −0, denormals, NaN and infinities where there is room. */
function anyBits(trial: Trial, length: number): Float32Array {
  const values = uniforms(length, trial.random);
  const odd = fromBits(...EXTREMES, ...NOT_FINITE.map(([, bits]) => bits));
  values.set(odd.subarray(0, length));
  return values;
}

/** Sums of two float32, rounded once: the same bits everywhere, but for denormals on WebGPU. */
async function accumulate(trial: Trial, length: number): Promise<void> {
  const [sum, x] = [uniforms(length, trial.random), uniforms(length, trial.random)];
  const target = trial.put(sum);
  trial.kernels.accumulate({ sums: [target], xs: [trial.put(x)] });
  const want = sum.map((s, i) => s + x[i]!);
  trial.bits('sum', await trial.read(target), want);
}

async function accumulateSizes(trial: Trial): Promise<void> {
  const sizes = [2 ** -149, 2 ** -127, 2 ** -126, 2 ** -100, 1, 2 ** 100, 2 ** 126];
  const values = (step: number) =>
    Float32Array.from({ length: 98 }, (_, i) => (i % 3 ? 1 : -1) * sizes[(i * step) % 7]!);
  const [sum, x] = [values(1), values(3)];
  const target = trial.put(sum);
  trial.kernels.accumulate({ sums: [target], xs: [trial.put(x)] });
  const want = sum.map((s, i) => s + x[i]!);
  trial.close('sum', await trial.read(target), want, trial.accuracy.exact ? 0 : trial.accuracy.smallest);
}

async function accumulateNotFinite(trial: Trial): Promise<void> {
  const values = uniforms(130, trial.random);
  const want = without(
    values.map((x) => x + x),
    64,
    65,
  );
  await withEachNotFinite(trial, values, 64, async (bad, name) => {
    const [sum, gate] = [trial.put(values), trial.put([1])];
    trial.kernels.accumulate({ sums: [sum], xs: [bad] });
    trial.bits(`the others beside ${name}`, without(await trial.read(sum), 64, 65), want);
    // Sums of gradients are what a step looks at.
    trial.kernels.finite({ gate, arrays: [sum] });
    trial.close(`the gate of a sum with ${name}`, await trial.read(gate), [0], 0);
  });
}

async function accumulateMany(trial: Trial): Promise<void> {
  const [sum, x] = [uniforms(PERIOD, trial.random), uniforms(PERIOD, trial.random)];
  const target = trial.put(repeated(sum, MANY));
  trial.kernels.accumulate({ sums: [target], xs: [trial.put(repeated(x, MANY))] });
  const want = sum.map((s, i) => s + x[i]!);
  trial.bits('sum', await trial.read(target), want);
}

async function copy(trial: Trial, length: number): Promise<void> {
  const [before, source] = [uniforms(length, trial.random), anyBits(trial, length)];
  const from = trial.put(source);
  for (const [gate, want] of [
    [undefined, source],
    [1, source],
    [0, before],
  ] as const) {
    const target = trial.put(before);
    trial.kernels.copy({
      targets: [target],
      sources: [from],
      gate: gate === undefined ? undefined : trial.put([gate]),
    });
    trial.bits(`target, gate ${gate ?? 'none'}`, await trial.read(target), want);
  }
}

async function copyMany(trial: Trial): Promise<void> {
  const source = anyBits(trial, PERIOD);
  const target = trial.zeros(MANY);
  trial.kernels.copy({
    targets: [target],
    sources: [trial.put(repeated(source, MANY))],
    gate: trial.put([1]),
  });
  trial.bits('target', await trial.read(target), source);
}

/** A permutation, taken and put back; scattered into a target that keeps its other rows. */
async function rows(trial: Trial, count: number, dim: number): Promise<void> {
  const order = trial.random.permutation(count);
  const values = anyBits(trial, count * dim);
  const source = trial.put(values);
  const want = new Float32Array(count * dim);
  for (const [r, row] of order.entries()) want.set(values.subarray(row * dim, (row + 1) * dim), r * dim);
  const gathered = trial.zeros(count * dim);
  trial.kernels.gatherRows({ target: gathered, source, rows: order, dim });
  trial.bits('gathered', await trial.read(gathered), want);
}

async function scatter(trial: Trial, count: number, dim: number): Promise<void> {
  const before = uniforms((count + 3) * dim, trial.random);
  const values = anyBits(trial, count * dim);
  const places = trial.random.permutation(count + 3).subarray(0, count);
  const want = before.slice();
  for (const [r, row] of places.entries()) want.set(values.subarray(r * dim, (r + 1) * dim), row * dim);
  const target = trial.put(before);
  trial.kernels.scatterRows({ target, source: trial.put(values), rows: places, dim });
  trial.bits('scattered', await trial.read(target), want);
}

/** Rows of PERIOD values: all the same, so that the list alone could not tell them apart; each gets its own first value. */
async function manyRows(trial: Trial, kernel: 'gatherRows' | 'scatterRows'): Promise<void> {
  const dim = PERIOD;
  const count = MANY / PERIOD;
  const block = uniforms(dim, trial.random);
  const values = repeated(block, MANY);
  const order = trial.random.permutation(count);
  for (let r = 0; r < count; r++) values[r * dim] = r;
  const target = trial.zeros(MANY);
  trial.kernels[kernel]({ target, source: trial.put(values), rows: order, dim });
  const got = await trial.read(target);
  const first = new Float32Array(count);
  const want = new Float32Array(count);
  for (const [r, row] of order.entries()) {
    if (kernel === 'gatherRows') want[r] = row;
    else want[row] = r;
  }
  for (let r = 0; r < count; r++) {
    first[r] = got[r * dim]!;
    got[r * dim] = block[0]!;
  }
  trial.bits('which row is where', first, want);
  trial.bits('what is in the rows', got, block);
}

const SHAPES = [
  [1, 1],
  [7, 3],
  [64, 4],
  [257, 1],
  [300, 129],
  [5, 512],
] as const;

export const MOVE_CASES: readonly Case[] = [
  ...casesOf('accumulate', [
    ...LENGTHS.map((length) => [`length ${length}`, (t: Trial) => accumulate(t, length)] as const),
    ['denormals and large values', accumulateSizes],
    ['not finite', accumulateNotFinite],
    ['more than 65,535 workgroups', accumulateMany, MANY],
  ]),
  ...casesOf('copy', [
    ...LENGTHS.map((length) => [`length ${length}`, (t: Trial) => copy(t, length)] as const),
    ['more than 65,535 workgroups', copyMany, MANY],
  ]),
  ...casesOf('gather-rows', [
    ...SHAPES.map(([r, c]) => [`R = ${r}, C = ${c}`, (t: Trial) => rows(t, r, c)] as const),
    ['more than 65,535 workgroups', (t) => manyRows(t, 'gatherRows'), MANY],
  ]),
  ...casesOf('scatter-rows', [
    ...SHAPES.map(([r, c]) => [`R = ${r}, C = ${c}`, (t: Trial) => scatter(t, r, c)] as const),
    ['more than 65,535 workgroups', (t) => manyRows(t, 'scatterRows'), MANY],
  ]),
];
