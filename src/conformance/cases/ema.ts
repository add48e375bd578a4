/** ema.wgsl: the momentum update of the key encoder, and BatchNorm's running statistics. */
import type { KernelCases } from '../case.ts';
import { EXTREMES, fromBits, LENGTHS, MANY, PERIOD, repeated, uniforms } from '../inputs.ts';
import { blend } from '../references/ema.ts';
import type { Trial } from '../trial.ts';
import { withEachNotFinite, without } from './not-finite.ts';

async function check(trial: Trial, key: Float32Array, query: Float32Array, m: number): Promise<void> {
  const array = trial.put(key);
  trial.kernels.ema({ targets: [array], sources: [trial.put(query)], keep: m, scale: 1 - m });
  trial.near(`key, m = ${m}`, await trial.read(array), blend(key, query, m, 1 - m, trial.accuracy));
}

async function ofLength(trial: Trial, length: number): Promise<void> {
  const [key, query] = [uniforms(length, trial.random), uniforms(length, trial.random)];
  for (const m of [0.999, 0.5, 0, 1]) await check(trial, key, query, m);
}

/** Denormals may count as 0; ±8e37 must not overflow, as the result lies between the two. */
async function ofSizes(trial: Trial): Promise<void> {
  const sizes = [2 ** -149, 2 ** -140, 2 ** -127, 2 ** -126, 2 ** -100, 1, 2 ** 100, 2 ** 126];
  const key = Float32Array.from({ length: 96 }, (_, i) => (i % 2 ? -1 : 1) * sizes[i % 8]!);
  const query = Float32Array.from({ length: 96 }, (_, i) => (i % 3 ? 1 : -1) * sizes[(i * 5 + 3) % 8]!);
  for (const m of [0.999, 0.5]) await check(trial, key, query, m);
}

async function gates(trial: Trial): Promise<void> {
  const [key, query] = [uniforms(300, trial.random), uniforms(300, trial.random)];
  for (const gate of [0, -0]) {
    const array = trial.put(key);
    trial.kernels.ema({
      targets: [array],
      sources: [trial.put(query)],
      keep: 0.5,
      scale: 1 - 0.5,
      gate: trial.put([gate]),
    });
    trial.bits(`key behind gate ${Object.is(gate, -0) ? '−0' : gate}`, await trial.read(array), key);
  }
  const [open, none] = [trial.put(key), trial.put(key)];
  trial.kernels.ema({
    targets: [open],
    sources: [trial.put(query)],
    keep: 0.5,
    scale: 1 - 0.5,
    gate: trial.put([1]),
  });
  trial.kernels.ema({ targets: [none], sources: [trial.put(query)], keep: 0.5, scale: 1 - 0.5 });
  trial.bits('key behind an open gate, and with none', await trial.read(open), await trial.read(none));
}

/** More pairs than one submit has room for, and empty arrays among them. */
async function list(trial: Trial): Promise<void> {
  const lengths = Array.from({ length: 300 }, (_, i) => i % 7);
  const keys = lengths.map((length, i) => trial.put(new Float32Array(length).fill(i)));
  const queries = lengths.map((length) => trial.put(new Float32Array(length).fill(100)));
  trial.kernels.ema({ targets: keys, sources: queries, keep: 0.5, scale: 1 - 0.5 });
  for (const i of [1, 5, 128, 255, 256, 257, 298]) {
    trial.close(`key ${i}`, await trial.read(keys[i]!), [i / 2 + 50], 0);
  }
}

async function notFinite(trial: Trial): Promise<void> {
  const values = uniforms(300, trial.random);
  const want = blend(values, values, 0.9, 1 - 0.9, trial.accuracy);
  const [rest, bound] = [
    without(Float32Array.from(want.exact), 257, 258),
    without(
      Float32Array.from(want.bound, (b) => 2 * b),
      257,
      258,
    ),
  ];
  await withEachNotFinite(trial, values, 257, async (bad, name) => {
    const array = trial.put(values);
    trial.kernels.ema({ targets: [array], sources: [bad], keep: 0.9, scale: 1 - 0.9 });
    const got = await trial.read(array);
    trial.close(`the others beside ${name} of the query`, without(got, 257, 258), rest, bound);
    trial.kernels.ema({ targets: [bad], sources: [trial.put(values)], keep: 0.9, scale: 1 - 0.9 });
    const key = await trial.read(bad);
    trial.close(`the others beside ${name} of the key`, without(key, 257, 258), rest, bound);
  });
}

async function many(trial: Trial): Promise<void> {
  const [key, query] = [uniforms(PERIOD, trial.random), uniforms(PERIOD, trial.random)];
  const array = trial.put(repeated(key, MANY));
  trial.kernels.ema({
    targets: [array],
    sources: [trial.put(repeated(query, MANY))],
    keep: 0.99,
    scale: 1 - 0.99,
  });
  trial.near('key', await trial.read(array), blend(key, query, 0.99, 1 - 0.99, trial.accuracy));
}

async function running(trial: Trial, length: number): Promise<void> {
  const [old, sum] = [uniforms(length, trial.random), uniforms(length, trial.random, 100)];
  const [open, closed] = [trial.put(old), trial.put(old)];
  const scale = (0.1 / 8) * (49 / 48);
  const sums = [trial.put(sum)];
  trial.kernels.ema({ targets: [open], sources: sums, keep: 0.9, scale: [scale], gate: trial.put([1]) });
  trial.kernels.ema({ targets: [closed], sources: sums, keep: 0.9, scale: [scale], gate: trial.put([0]) });
  const want = blend(old, sum, 0.9, scale, trial.accuracy);
  trial.near('running statistics', await trial.read(open), want);
  trial.bits('those behind a closed gate', await trial.read(closed), old);
}

async function scales(trial: Trial): Promise<void> {
  const arrays = [trial.put([4, 8]), trial.put([16]), trial.put([2, 4, 6])];
  const sums = [trial.put([1, 2]), trial.put([3]), trial.put([10, 20, 30])];
  trial.kernels.ema({ targets: arrays, sources: sums, keep: 0.5, scale: [2, -1, 0.5], gate: trial.put([1]) });
  const want = [[4, 8], [5], [6, 12, 18]];
  for (const [i, array] of arrays.entries()) trial.close(`pair ${i}`, await trial.read(array), want[i]!, 0);
}

async function extremes(trial: Trial): Promise<void> {
  const values = fromBits(...EXTREMES);
  const array = trial.put(values);
  trial.kernels.ema({ targets: [array], sources: [trial.put(values)], keep: 1, scale: 1 - 1 });
  // Only denormals may be lost.
  const lost = trial.accuracy.exact ? 0 : trial.accuracy.smallest;
  trial.close('key, m = 1', await trial.read(array), values, lost);
  trial.kernels.ema({ targets: [array], sources: [trial.put(values)], keep: 0, scale: 1 - 0 });
  trial.close('key, m = 0', await trial.read(array), values, lost);
}

export const ema: KernelCases = [
  ...LENGTHS.map((length) => [`length ${length}`, (t: Trial) => ofLength(t, length)] as const),
  ...[1, 64, 257, 1025].map(
    (length) => [`running statistics, length ${length}`, (t: Trial) => running(t, length)] as const,
  ),
  ['a scale for each pair', scales],
  ['denormals and large values', ofSizes],
  ['extremes stay with m = 1 and are copied with m = 0', extremes],
  ['gates', gates],
  ['a list of 300', list],
  ['not finite', notFinite],
  ['more than 65,535 workgroups', many, MANY],
];
