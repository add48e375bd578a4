/** l2norm-backward.wgsl: the gradient of torch.nn.functional.normalize. */
import type { KernelCases } from '../case.ts';
import { fromBits, NOT_FINITE, uniforms } from '../inputs.ts';
import { l2NormRow } from '../references/l2norm.ts';
import { l2NormBackwardRow } from '../references/l2norm-backward.ts';
import type { Trial } from '../trial.ts';
import { denormalRows, MANY_ROWS, oneLargeEach, zeroRows } from './unit-rows.ts';

interface Inputs {
  y: Float32Array;
  norm: Float32Array;
  dy: Float32Array;
  rows: number;
  dim: number;
}

/** What l2norm gives for x, from float64: its mistakes are not those of this kernel. */
function inputsOf(trial: Trial, x: Float32Array, dy: Float32Array, rows: number, dim: number): Inputs {
  const [y, norm] = [new Float32Array(x.length), new Float32Array(rows)];
  for (let r = 0; r < rows; r++) {
    const row = l2NormRow(x.subarray(r * dim, (r + 1) * dim), trial.accuracy);
    y.set(row.y.exact, r * dim);
    norm[r] = row.norm;
  }
  return { y, norm, dy, rows, dim };
}

async function run(trial: Trial, { y, norm, dy, rows, dim }: Inputs): Promise<Float32Array> {
  const dx = trial.zeros(y.length);
  trial.kernels.l2normBackward({
    y: trial.put(y),
    norm: trial.put(norm),
    dy: trial.put(dy),
    dx,
    rows,
    dim,
  });
  return trial.read(dx);
}

/** Rows against float64, all but one. */
function checkRows(trial: Trial, { y, norm, dy, rows, dim }: Inputs, got: Float32Array, but = -1): void {
  for (let r = 0; r < rows; r++) {
    if (r === but) continue;
    const row = (array: Float32Array): Float32Array => array.subarray(r * dim, (r + 1) * dim);
    const { exact, bound } = l2NormBackwardRow(row(y), norm[r]!, row(dy), trial.accuracy);
    trial.close(`dx of row ${r}`, row(got), exact, bound);
  }
}

async function check(trial: Trial, x: Float32Array, dy: Float32Array, rows: number, dim: number) {
  const inputs = inputsOf(trial, x, dy, rows, dim);
  checkRows(trial, inputs, await run(trial, inputs));
}

async function ofShape(trial: Trial, rows: number, dim: number, size = 5): Promise<void> {
  const x = uniforms(rows * dim, trial.random, size);
  await check(trial, x, uniforms(rows * dim, trial.random, Math.min(1, size)), rows, dim);
}

/** PyTorch's epsilon: the gradient of a zero row is dy / 1e-12. */
async function zeros(trial: Trial): Promise<void> {
  await check(trial, zeroRows(trial.random), uniforms(3 * 130, trial.random), 3, 130);
}

async function denormals(trial: Trial): Promise<void> {
  await check(trial, denormalRows(), uniforms(4 * 17, trial.random), 4, 17);
}

/** A row or a gradient that is not finite spoils its own row at most. */
async function notFinite(trial: Trial): Promise<void> {
  const [rows, dim, bad] = [5, 67, 2];
  const [clean, dy] = [uniforms(rows * dim, trial.random), uniforms(rows * dim, trial.random)];
  for (const [, bits] of NOT_FINITE) {
    const x = clean.slice();
    x.set(fromBits(bits), bad * dim + 65);
    const ofRow = inputsOf(trial, x, dy, rows, dim);
    checkRows(trial, ofRow, await run(trial, ofRow), bad);
    const wrong = dy.slice();
    wrong.set(fromBits(bits), bad * dim + 3);
    const ofGradient = inputsOf(trial, clean, wrong, rows, dim);
    checkRows(trial, ofGradient, await run(trial, ofGradient), bad);
  }
}

async function oneLarge(trial: Trial): Promise<void> {
  await check(trial, oneLargeEach(70, trial.random), uniforms(70 * 70, trial.random), 70, 70);
}

async function inPlace(trial: Trial): Promise<void> {
  const [rows, dim] = [9, 65];
  const x = uniforms(rows * dim, trial.random);
  const inputs = inputsOf(trial, x, uniforms(rows * dim, trial.random), rows, dim);
  const [y, norm, dy] = [trial.put(inputs.y), trial.put(inputs.norm), trial.put(inputs.dy)];
  trial.kernels.l2normBackward({ y, norm, dy, dx: dy, rows, dim });
  trial.bits('dx in the place of dy', await trial.read(dy), await run(trial, inputs));
}

export const l2normBackward: KernelCases = [
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
