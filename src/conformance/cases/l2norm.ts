/** l2norm.wgsl and l2norm-backward.wgsl: torch.nn.functional.normalize and its gradient. */
import { type Case, casesOf } from '../case.ts';
import { fromBits, NOT_FINITE, uniforms } from '../inputs.ts';
import { l2NormBackwardRow, l2NormRow } from '../references/l2norm.ts';
import type { Trial } from '../trial.ts';

interface Result {
  y: Float32Array;
  norm: Float32Array;
  dx: Float32Array;
}

async function run(
  trial: Trial,
  x: Float32Array,
  dy: Float32Array,
  rows: number,
  dim: number,
): Promise<Result> {
  const [y, norm, dx] = [trial.zeros(x.length), trial.zeros(rows), trial.zeros(x.length)];
  trial.kernels.l2norm({ x: trial.put(x), y, norm, rows, dim });
  trial.kernels.l2normBackward({ y, norm, dy: trial.put(dy), dx, rows, dim });
  return { y: await trial.read(y), norm: await trial.read(norm), dx: await trial.read(dx) };
}

/** Row r against float64. */
function checkRow(
  trial: Trial,
  x: Float32Array,
  dy: Float32Array,
  got: Result,
  r: number,
  dim: number,
): void {
  const row = (array: Float32Array): Float32Array => array.subarray(r * dim, (r + 1) * dim);
  const want = l2NormRow(row(x), trial.accuracy);
  trial.close(`norm of row ${r}`, [got.norm[r]!], [want.norm], want.normBound);
  trial.close(`y of row ${r}`, row(got.y), want.y.exact, want.y.bound);
  const dx = l2NormBackwardRow(row(got.y), got.norm[r]!, row(dy), trial.accuracy);
  trial.close(`dx of row ${r}`, row(got.dx), dx.exact, dx.bound);
}

async function check(
  trial: Trial,
  x: Float32Array,
  dy: Float32Array,
  rows: number,
  dim: number,
): Promise<Result> {
  const got = await run(trial, x, dy, rows, dim);
  for (let r = 0; r < rows; r++) checkRow(trial, x, dy, got, r, dim);
  return got;
}

async function ofShape(trial: Trial, rows: number, dim: number, size = 5): Promise<void> {
  const x = uniforms(rows * dim, trial.random, size);
  await check(trial, x, uniforms(rows * dim, trial.random, Math.min(1, size)), rows, dim);
}

/** PyTorch's epsilon: a zero row stays zero, and its gradient is dy / 1e-12. */
async function zeroRows(trial: Trial): Promise<void> {
  const x = new Float32Array(3 * 130);
  x.set(uniforms(130, trial.random), 130);
  const dy = uniforms(x.length, trial.random);
  const { y } = await check(trial, x, dy, 3, 130);
  trial.close('y of a zero row', y.subarray(0, 130), [0], 0);
}

async function denormals(trial: Trial): Promise<void> {
  const x = Float32Array.from({ length: 4 * 17 }, (_, i) => (i % 17 < 5 ? 1 : (i - 30) * 2 ** -149));
  x.set(Float32Array.from({ length: 17 }, (_, i) => i * 2 ** -149));
  await check(trial, x, uniforms(x.length, trial.random), 4, 17);
}

/** A bad row is bad, so that its loss closes the gate; other rows do not notice. */
async function notFinite(trial: Trial): Promise<void> {
  const [rows, dim, bad] = [5, 67, 2];
  const [clean, dy] = [uniforms(rows * dim, trial.random), uniforms(rows * dim, trial.random)];
  for (const [name, bits] of NOT_FINITE) {
    const x = clean.slice();
    x.set(fromBits(bits), bad * dim + 65);
    const got = await run(trial, x, dy, rows, dim);
    for (let r = 0; r < rows; r++) if (r !== bad) checkRow(trial, x, dy, got, r, dim);
    const gate = trial.put([1]);
    trial.kernels.finite({ gate, arrays: [trial.put(got.y)] });
    trial.close(`the gate of y after ${name}`, await trial.read(gate), [0], 0);
    // A gradient that is not finite spoils its own row at most.
    const wrong = dy.slice();
    wrong.set(fromBits(bits), bad * dim + 3);
    const other = await run(trial, clean, wrong, rows, dim);
    for (let r = 0; r < rows; r++) if (r !== bad) checkRow(trial, clean, wrong, other, r, dim);
  }
}

/** Wherever the largest value is, whoever looks for it: a row that is scaled by another one overflows. */
async function oneLarge(trial: Trial): Promise<void> {
  const dim = 70;
  const x = uniforms(dim * dim, trial.random, 1e-30);
  for (let r = 0; r < dim; r++) x[r * dim + r] = 1e30;
  await check(trial, x, uniforms(x.length, trial.random), dim, dim);
}

async function inPlace(trial: Trial): Promise<void> {
  const x = uniforms(9 * 65, trial.random);
  const [array, norm, y] = [trial.put(x), trial.zeros(9), trial.zeros(x.length)];
  trial.kernels.l2norm({ x: array, y, norm, rows: 9, dim: 65 });
  trial.kernels.l2norm({ x: array, y: array, norm, rows: 9, dim: 65 });
  trial.bits('y in the place of x', await trial.read(array), await trial.read(y));
}

const ROWS = 65_540;

async function manyRows(trial: Trial): Promise<void> {
  const x = uniforms(ROWS * 2, trial.random, 3);
  await check(trial, x, uniforms(ROWS * 2, trial.random), ROWS, 2);
}

export const L2NORM_CASES: readonly Case[] = casesOf('l2norm', [
  ...[1, 3, 4, 5, 63, 64, 65, 127, 128, 129, 512].map(
    (dim) => [`C = ${dim}`, (t: Trial) => ofShape(t, 3, dim)] as const,
  ),
  ...[1, 64, 257].map((rows) => [`rows = ${rows}`, (t: Trial) => ofShape(t, rows, 20)] as const),
  ...[1e-44, 1e-38, 1e-20, 1e-13, 1e-12, 1e-11, 1e20, 1e37].map(
    (size) => [`values of ${size}`, (t: Trial) => ofShape(t, 3, 19, size)] as const,
  ),
  ['zero vectors', zeroRows],
  ['denormals', denormals],
  ['not finite', notFinite],
  ['one large value in each place', oneLarge],
  ['in place', inPlace],
  ['more than 65,535 workgroups', manyRows, ROWS * 2],
]);
