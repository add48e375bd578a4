/** NT-Xent where numbers are special: ties, zeros, denormals, values that are too large or no numbers. */
import type { KernelCases } from '../case.ts';
import { fromBits, NOT_FINITE, uniforms } from '../inputs.ts';
import { ntxentReference } from '../references/ntxent.ts';
import type { Trial } from '../trial.ts';
import { gateOf } from './not-finite.ts';
import { check, run, spread } from './ntxent-run.ts';

/** A collapsed encoder: loss = ln(2N − 1), and nothing ranks above the positive. */
const allEqual = (rows: number) => async (trial: Trial) => {
  const inputs = spread(trial, rows, 10);
  const one = inputs.z.slice(0, 10);
  for (let i = 0; i < rows; i++) inputs.z.set(one, 10 * i);
  const { rank } = await check(trial, inputs);
  trial.close('rank of equal rows', rank, [0], 0);
};

/**
 * The positive of the first rows in another order of its values, some one ulp apart, and all components of these rows equal: so
 * sums tie, or differ by less than float32 tells. Every other value is at least `least`. Values are multiples of 2^-24.
 */
const ties = (dim: number, least: number) => async (trial: Trial) => {
  const rows = 300;
  const { random } = trial;
  const values = uniforms(dim, random, 0.25).map((x, c) => (c % 2 ? x : x + Math.sign(x) * least));
  const one = values.map((x) => Math.round(x * 2 ** 24) * 2 ** -24);
  const inputs = spread(trial, rows, dim);
  for (let j = 0; j < rows; j++) {
    const row = Float32Array.from(random.permutation(dim), (c) => one[c]!);
    for (let i = random.integer(4); i > 0; i--) {
      row[random.integer(dim)]! += random.integer(2) ? 2 ** -24 : -(2 ** -24);
    }
    inputs.z.set(row, j * dim);
  }
  inputs.z.fill(1 / Math.sqrt(dim), 0, 6 * dim);
  const got = await run(trial, inputs);
  const { z, temperature, gradientScale } = inputs;
  const want = ntxentReference(z, rows, dim, temperature, gradientScale, trial.accuracy);
  trial.close('rank', got.rank.subarray(0, 6), want.rank.subarray(0, 6), 0);
};

async function zeroVectors(trial: Trial): Promise<void> {
  const inputs = spread(trial, 40, 10);
  inputs.z.fill(0, 0, 30);
  inputs.z.fill(0, 200, 220);
  await check(trial, inputs);
}

async function denormals(trial: Trial): Promise<void> {
  const inputs = spread(trial, 40, 16);
  for (let i = 1; i < inputs.z.length; i += 3) inputs.z[i] = (i % 7) * 2 ** -149;
  await check(trial, inputs);
}

/** No cancellation against 1: losses of 2·exp(−40) keep their digits, and so do gradients. */
async function confident(trial: Trial): Promise<void> {
  const inputs = spread(trial, 4, 8, 0.05);
  inputs.z.fill(0);
  for (const [i, x] of [1, -1, 1, -1].entries()) inputs.z[8 * i] = x;
  await check(trial, inputs);
}

/** Logits of −20, and in two places one of 160: the others have to be rescaled by it, or exp overflows. */
const nearAt = (place: number, rows: number) => async (trial: Trial) => {
  const inputs = spread(trial, rows, 2, 0.01);
  for (let i = 0; i < rows; i++) inputs.z.set([-0.8, 0.6], 2 * i);
  const positive = rows / 2;
  for (const i of [0, place]) inputs.z.set([1, 0], 2 * i);
  inputs.z.set([-0.6, 0.8], 2 * positive);
  await check(trial, inputs);
};

async function negativeScale(trial: Trial): Promise<void> {
  await check(trial, { ...spread(trial, 70, 6), gradientScale: -3 });
}

/** Far from unit rows, logits overflow: to losses that close the gate, never to finite wrong ones. */
async function overflow(trial: Trial): Promise<void> {
  const inputs = spread(trial, 40, 16, 0.07);
  const { loss } = await run(trial, { ...inputs, z: inputs.z.map((x) => x * 1e30) });
  for (const [n, value] of loss.entries()) trial.that(`loss ${n} is not finite`, !Number.isFinite(value));
  trial.close('gate', [await gateOf(trial, loss)], [0], 0);
}

/** A bad row spoils its own loss, its positive's, and those of all whose negative it is; nothing hangs. */
const notFinite = (rows: number, row: number) => async (trial: Trial) => {
  const inputs = spread(trial, rows, 16);
  for (const [pattern, bits] of NOT_FINITE) {
    const z = inputs.z.slice();
    z.set(fromBits(bits), 16 * row + 3);
    const { loss } = await run(trial, { ...inputs, z });
    trial.close(`gate after ${pattern}`, [await gateOf(trial, loss)], [0], 0);
    const bad = loss.filter((value) => !Number.isFinite(value)).length;
    trial.close(`bad losses after ${pattern}`, [bad], [rows], 0);
  }
};

export const NTXENT_EDGE_CASES: KernelCases = [
  ['all rows equal, 2N = 38', allEqual(38)],
  ['all rows equal, 2N = 258', allEqual(258)],
  ['rank ties', ties(32, 0)],
  // Products of 0.5 and more: whole words of shift in exact-sign.wgsl.
  ['rank ties of two columns', ties(2, 0.5)],
  ['zero vectors', zeroVectors],
  ['denormals', denormals],
  ['a confident batch', confident],
  ['a near negative at the end', nearAt(299, 300)],
  // On WebGPU in the first of three splits.
  ['a near negative at the start', nearAt(5, 300)],
  ['a gradient scale below 0', negativeScale],
  ['overflow', overflow],
  ['not finite: one pair', notFinite(2, 0)],
  ['not finite: 2N = 40', notFinite(40, 2)],
  // On WebGPU only the first of three splits is bad.
  ['not finite: 2N = 300', notFinite(300, 5)],
];
