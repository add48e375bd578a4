/** infonce.wgsl, infonce-combine.wgsl, and the files joined to them: loss, gradient and rank. */
import type { KernelCases } from '../case.ts';
import { unitRows, unitRowsAround } from '../inputs.ts';
import type { Trial } from '../trial.ts';
import { INFONCE_EDGE_CASES } from './infonce-edges.ts';
import { check, spread } from './infonce-run.ts';

const ofShape =
  (rows: number, dim: number, queueSize: number, temperature?: number) =>
  async (trial: Trial): Promise<void> => {
    await check(trial, spread(trial, rows, dim, queueSize, temperature));
  };

/** Logits so close together that float32 does not tell them apart, at the lowest temperature: loss and rank. */
const nearIdentical = (distance: number) => async (trial: Trial) => {
  const inputs = spread(trial, 9, 64, 257, 0.01);
  const center = unitRows(1, 64, trial.random);
  const around = (rows: number) => unitRowsAround(center, rows, distance, trial.random);
  await check(trial, { ...inputs, query: around(9), key: around(9), queue: around(257) });
};

const LARGEST = 2 ** 20;

export const infonce: KernelCases = [
  ...[1, 2, 3, 4, 5, 31, 32, 33, 63, 64, 65, 127, 128, 129, 512].map(
    (dim) => [`C = ${dim}`, ofShape(5, dim, 70)] as const,
  ),
  ...[1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1021, 4096].map(
    (queueSize) => [`K = ${queueSize}`, ofShape(5, 20, queueSize, 0.07)] as const,
  ),
  ...[1, 31, 32, 33, 63, 64, 65, 255, 256, 257].map(
    (rows) => [`N = ${rows}`, ofShape(rows, 12, 40)] as const,
  ),
  ...[0.01, 0.07, 1, 30].map((t) => [`temperature ${t}`, ofShape(6, 64, 300, t)] as const),
  // In two dimensions negatives are near: logits of 200, which overflow unless their own maximum is taken off.
  ['temperature 0.01, C = 2', ofShape(6, 2, 300, 0.01)],
  ...[1e-1, 1e-3, 1e-5, 1e-7].map((d) => [`rows within ${d} of each other`, nearIdentical(d)] as const),
  ...INFONCE_EDGE_CASES,
  ['K = 65536, C = 16', ofShape(3, 16, 65_536, 0.07), 65_536 * 16],
  // Beyond it the host takes queries in turns.
  ['N = 32777', ofShape(32_777, 2, 3), 32_777 * 2],
  ['K = 1048576, C = 2', ofShape(2, 2, LARGEST), LARGEST * 2, 'slow'],
];
