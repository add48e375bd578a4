/** l2norm.wgsl: torch.nn.functional.normalize. */
import type { KernelCases } from '../case.ts';
import { fromBits, NOT_FINITE, uniforms } from '../inputs.ts';
import { l2NormRow } from '../references/l2norm.ts';
import type { Trial } from '../trial.ts';
import { denormalRows, MANY_ROWS, oneLargeEach, zeroRows } from './unit-rows.ts';

interface Result {
  y: Float32Array;
  norm: Float32Array;
}

async function run(trial: Trial, x: Float32Array, rows: number, dim: number): Promise<Result> {
  const [y, norm] = [trial.zeros(x.length), trial.zeros(rows)];
  trial.kernels.l2norm({ x: trial.put(x), y, norm, rows, dim });
  return { y: await trial.read(y), norm: await trial.read(norm) };
}

/** Row r against float64. */
function checkRow(trial: Trial, x: Float32Array, got: Result, r: number, dim: number): void {
  const row = (array: Float32Array): Float32Array => array.subarray(r * dim, (r + 1) * dim);
  const want = l2NormRow(row(x), trial.accuracy);
  trial.close(`norm of row ${r}`, [got.norm[r]!], [want.norm], want.normBound);
  trial.close(`y of row ${r}`, row(got.y), want.y.exact, want.y.bound);
}

async function check(trial: Trial, x: Float32Array, rows: number, dim: number): Promise<Result> {
  const got = await run(trial, x, rows, dim);
  for (let r = 0; r < rows; r++) checkRow(trial, x, got, r, dim);
  return got;
}

async function ofShape(trial: Trial, rows: number, dim: number, size = 5): Promise<void> {
  await check(trial, uniforms(rows * dim, trial.random, size), rows, dim);
}

/** PyTorch's epsilon: a zero row stays zero. */
async function zeros(trial: Trial): Promise<void> {
  const { y } = await check(trial, zeroRows(trial.random), 3, 130);
  trial.close('y of a zero row', y.subarray(0, 130), [0], 0);
}

async function denormals(trial: Trial): Promise<void> {
  await check(trial, denormalRows(), 4, 17);
}

/** A bad row is bad, so that its loss closes the gate; other rows do not notice. */
async function notFinite(trial: Trial): Promise<void> {
  const [rows, dim, bad] = [5, 67, 2];
  const clean = uniforms(rows * dim, trial.random);
  for (const [name, bits] of NOT_FINITE) {
    const x = clean.slice();
    x.set(fromBits(bits), bad * dim + 65);
    const got = await run(trial, x, rows, dim);
    for (let r = 0; r < rows; r++) if (r !== bad) checkRow(trial, x, got, r, dim);
    const gate = trial.put([1]);
    trial.kernels.finite({ gate, arrays: [trial.put(got.y)] });
    trial.close(`the gate of y after ${name}`, await trial.read(gate), [0], 0);
  }
}

/** Wherever the largest value is, whoever looks for it: a row that is scaled by another one overflows. */
async function oneLarge(trial: Trial): Promise<void> {
  await check(trial, oneLargeEach(70, trial.random), 70, 70);
}

async function inPlace(trial: Trial): Promise<void> {
  const x = uniforms(9 * 65, trial.random);
  const [array, norm, y] = [trial.put(x), trial.zeros(9), trial.zeros(x.length)];
  trial.kernels.l2norm({ x: array, y, norm, rows: 9, dim: 65 });
  trial.kernels.l2norm({ x: array, y: array, norm, rows: 9, dim: 65 });
  trial.bits('y in the place of x', await trial.read(array), await trial.read(y));
}

export const l2norm: KernelCases = [
  ...[1, 3, 4, 5, 63, 64, 65, 127, 128, 129, 512].map(
    (dim) => [`C = ${dim}`, (t: Trial) => ofShape(t, 3, dim)] as const,
  ),
  ...[1, 64, 257].map((rows) => [`rows = ${rows}`, (t: Trial) => ofShape(t, rows, 20)] as const),
  ...[1e-44, 1e-38, 1e-20, 1e-13, 1e-12, 1e-11, 1e20, 1e37].map(
    (size) => [`values of ${size}`, (t: Trial) => ofShape(t, 3, 19, size)] as const,
  ),
  ['zero vectors', zeros],
  ['denormals', denormals],
  ['not finite', notFinite],
  ['one large value in each place', oneLarge],
  ['in place', inPlace],
  ['more than 65,535 workgroups', (t) => ofShape(t, MANY_ROWS, 2, 3), MANY_ROWS * 2],
];
