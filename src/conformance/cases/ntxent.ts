/** ntxent.wgsl and the stages after it: loss, gradient and rank over the two views of a batch. */
import type { KernelCases } from '../case.ts';
import { unitRows, unitRowsAround } from '../inputs.ts';
import type { Trial } from '../trial.ts';
import { NTXENT_EDGE_CASES } from './ntxent-edges.ts';
import { check, spread } from './ntxent-run.ts';

const ofShape =
  (rows: number, dim: number, temperature?: number) =>
  async (trial: Trial): Promise<void> => {
    await check(trial, spread(trial, rows, dim, temperature));
  };

/** Views close to each other, as they are of a trained encoder: confident rows beside others. */
async function trained(trial: Trial): Promise<void> {
  const inputs = spread(trial, 130, 24, 0.1);
  for (let i = 0; i < 65; i++) {
    const center = inputs.z.subarray(24 * i, 24 * (i + 1));
    inputs.z.set(unitRowsAround(center, 1, i / 65, trial.random), 24 * (i + 65));
  }
  await check(trial, inputs);
}

/** Similarities so close together that float32 does not tell them apart, at a low temperature: loss and rank. */
const nearIdentical = (distance: number) => async (trial: Trial) => {
  const center = unitRows(1, 64, trial.random);
  const z = unitRowsAround(center, 70, distance, trial.random);
  await check(trial, { ...spread(trial, 70, 64, 0.01), z });
};

export const ntxent: KernelCases = [
  ...[1, 2, 3, 4, 5, 31, 32, 33, 63, 64, 65, 127, 128, 129, 260].map(
    (dim) => [`C = ${dim}`, ofShape(10, dim)] as const,
  ),
  ...[2, 4, 6, 8, 30, 32, 34, 62, 64, 66, 126, 128, 130, 254, 256, 258, 390].map(
    (rows) => [`2N = ${rows}`, ofShape(rows, 20, 0.1)] as const,
  ),
  ...[0.01, 0.07, 1, 30].map((t) => [`temperature ${t}`, ofShape(70, 40, t)] as const),
  // In two dimensions rows are near: logits of 200, which overflow unless their own maximum is taken off.
  ['temperature 0.01, C = 2', ofShape(70, 2, 0.01)],
  ['views near each other', trained],
  ...[1e-1, 1e-3, 1e-5, 1e-7].map((d) => [`rows within ${d} of each other`, nearIdentical(d)] as const),
  ...NTXENT_EDGE_CASES,
  // Beyond 1024 the host takes rows in turns on WebGPU.
  ['2N = 1030', ofShape(1030, 3), 1030 * 3],
];
