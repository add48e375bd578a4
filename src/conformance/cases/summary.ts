/** summary.wgsl: what a step tells of itself. */
import { SUMMARY, SUMMARY_LENGTH } from '../../kernels/summary.ts';
import type { KernelCases } from '../case.ts';
import { fromBits, NOT_FINITE, uniforms, unitRows, unitRowsAround } from '../inputs.ts';
import { summaryReference } from '../references/summary.ts';
import type { Trial } from '../trial.ts';

interface Step {
  loss: Float32Array;
  rank: Float32Array;
  query: Float32Array;
  rows: number;
  dim: number;
}

function step(trial: Trial, rows: number, dim: number, query?: Float32Array): Step {
  return {
    loss: uniforms(rows, trial.random, 5).map(Math.abs),
    rank: Float32Array.from({ length: rows }, () => trial.random.integer(9)),
    query: query ?? unitRows(rows, dim, trial.random),
    rows,
    dim,
  };
}

async function run(
  trial: Trial,
  { loss, rank, query, rows, dim }: Step,
  gate: Float32Array,
): Promise<Float32Array> {
  const summary = trial.put(new Float32Array(SUMMARY_LENGTH).fill(-1));
  const arrays = { loss: trial.put(loss), rank: trial.put(rank), embedding: trial.put(query) };
  trial.kernels.summary({ ...arrays, gate: trial.put(gate), rows, dim, summary });
  return trial.read(summary);
}

async function check(trial: Trial, given: Step): Promise<Float32Array> {
  const { loss, rank, query, rows, dim } = given;
  const got = await run(trial, given, Float32Array.of(1));
  const want = summaryReference(loss, rank, query, rows, dim, trial.accuracy);
  trial.close('summary', got.subarray(0, SUMMARY.gate), want.summary, want.bound);
  trial.close('gate', got.subarray(SUMMARY.gate), [1], 0);
  return got;
}

/** All rows alike: exactly no spread, whatever their number. */
async function equalRows(trial: Trial): Promise<void> {
  const one = unitRows(1, 129, trial.random);
  for (const rows of [1, 7, 300]) {
    const query = Float32Array.from({ length: rows * 129 }, (_, i) => one[i % 129]!);
    const got = await check(trial, step(trial, rows, 129, query));
    trial.close(`spread of ${rows} equal rows`, got.subarray(SUMMARY.embeddingStd, SUMMARY.gate), [0], 0);
  }
}

async function collapsed(trial: Trial): Promise<void> {
  const center = unitRows(1, 16, trial.random);
  for (const distance of [1e-2, 1e-4, 1e-6]) {
    await check(trial, step(trial, 100, 16, unitRowsAround(center, 100, distance, trial.random)));
  }
}

async function rankLimits(trial: Trial): Promise<void> {
  const given = { ...step(trial, 8, 2), rank: Float32Array.of(0, 1, 4, 5, 0, 65_536, 4, 2) };
  await check(trial, given);
}

/** The gate is handed on bit for bit, also beside numbers that are not. */
async function gates(trial: Trial): Promise<void> {
  const given = step(trial, 300, 5);
  given.loss.set(fromBits(...NOT_FINITE.map(([, bits]) => bits)));
  given.rank.fill(Number.NaN, 10, 20);
  given.query.fill(Number.NaN, 0, 40);
  for (const bits of [0, 0x3f800000, 0x80000000, 1, 0x7f800000, 0x7fc00000]) {
    const gate = fromBits(bits);
    const got = await run(trial, given, gate);
    trial.bits(`gate 0x${bits.toString(16)}`, got.subarray(SUMMARY.gate), gate);
  }
}

const SHAPES = [
  [1, 1],
  [1, 128],
  [7, 3],
  [255, 4],
  [256, 127],
  [257, 300],
  [1021, 64],
  [3, 512],
] as const;

export const summary: KernelCases = [
  ...SHAPES.map(
    ([n, c]) => [`N = ${n}, C = ${c}`, async (t: Trial) => void (await check(t, step(t, n, c)))] as const,
  ),
  ['equal rows', equalRows],
  ['rows that have nearly collapsed', collapsed],
  ['ranks at the limits', rankLimits],
  ['gates', gates],
];
