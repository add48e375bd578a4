/** InfoNCE where numbers are special: ties, zeros, denormals, values that are too large or no numbers. */
import type { KernelCases } from '../case.ts';
import { fromBits, NOT_FINITE, uniforms } from '../inputs.ts';
import { infoNceReference } from '../references/infonce.ts';
import type { Trial } from '../trial.ts';
import { check, type InfoNceInputs, run, spread } from './infonce-run.ts';
import { gateOf } from './not-finite.ts';

/** loss = ln(1 + K), no gradient along the keys, and nothing ranks above the positive. */
const allEqual = (queueSize: number) => async (trial: Trial) => {
  const inputs = spread(trial, 3, 10, queueSize);
  const one = inputs.key.slice(0, 10);
  for (let n = 0; n < 3; n++) inputs.key.set(one, 10 * n);
  for (let j = 0; j < queueSize; j++) inputs.queue.set(one, 10 * j);
  const { rank } = await check(trial, inputs);
  trial.close('rank of equal logits', rank, [0, 0, 0], 0);
};

/**
 * Rows of the queue are the key in another order, some one ulp apart, and all components of a query are equal: so sums
 * tie, or differ by less than float32 tells. Of the key, every other value is at least `least`. Values are multiples of
 * 2^-24, which float64 adds exactly.
 */
const ties = (size: number, dim: number, least: number) => async (trial: Trial) => {
  const [rows, queueSize] = [6, 300];
  const { random } = trial;
  const values = uniforms(dim, random, 0.25).map((x, c) => (c % 2 ? x : x + Math.sign(x) * least));
  const one = values.map((x) => Math.round(x * 2 ** 24) * 2 ** -24);
  const queue = new Float32Array(queueSize * dim);
  for (let j = 0; j < queueSize; j++) {
    const row = Float32Array.from(random.permutation(dim), (c) => one[c]!);
    for (let i = random.integer(4); i > 0; i--) {
      row[random.integer(dim)]! += random.integer(2) ? 2 ** -24 : -(2 ** -24);
    }
    queue.set(row, j * dim);
  }
  const inputs = {
    ...spread(trial, rows, dim, queueSize),
    query: new Float32Array(rows * dim).fill(size / Math.sqrt(dim)),
    key: Float32Array.from({ length: rows * dim }, (_, i) => one[i % dim]!),
    queue,
  };
  const got = await run(trial, inputs);
  const { query, key, temperature, gradientScale } = inputs;
  const shape = [rows, dim, queueSize, temperature, gradientScale] as const;
  trial.close('rank', got.rank, infoNceReference(query, key, queue, ...shape, trial.accuracy).rank, 0);
};

async function zeroVectors(trial: Trial): Promise<void> {
  const inputs = spread(trial, 6, 10, 37);
  inputs.query.fill(0, 0, 20);
  inputs.key.fill(0, 10, 30);
  inputs.queue.fill(0, 50, 120);
  await check(trial, inputs);
}

async function denormals(trial: Trial): Promise<void> {
  const inputs = spread(trial, 4, 16, 40);
  for (const array of [inputs.query, inputs.key, inputs.queue]) {
    for (let i = 1; i < array.length; i += 3) array[i] = (i % 7) * 2 ** -149;
  }
  await check(trial, inputs);
}

/** No cancellation against 1: a loss of exp(−40) keeps its digits. */
async function confident(trial: Trial): Promise<void> {
  const inputs = spread(trial, 1, 8, 1, 0.05);
  inputs.query.fill(0).set([1]);
  inputs.key.fill(0).set([1]);
  inputs.queue.fill(0).set([-1]);
  await check(trial, inputs);
}

/** Logits of −20, and in one place one of 160: the others have to be rescaled by it, or exp overflows. */
const nearAt = (place: number, queueSize: number) => async (trial: Trial) => {
  const inputs = spread(trial, 1, 2, queueSize, 0.01);
  inputs.query.set([1, 0]);
  inputs.key.set([-0.6, 0.8]);
  for (let j = 0; j < queueSize; j++) inputs.queue.set(j === place ? [1, 0] : [-0.8, 0.6], 2 * j);
  await check(trial, inputs);
};

/** Far from unit rows, logits overflow: to a loss that closes the gate, never to a finite wrong one. */
async function overflow(trial: Trial): Promise<void> {
  const inputs = spread(trial, 4, 16, 40, 0.07);
  const [query, queue] = [inputs.query.map((x) => x * 1e30), inputs.queue.map((x) => x * 1e30)];
  const { loss } = await run(trial, { ...inputs, query, queue });
  for (const [n, value] of loss.entries()) trial.that(`loss ${n} is not finite`, !Number.isFinite(value));
  trial.close('gate', [await gateOf(trial, loss)], [0], 0);
}

/** A bad query or key spoils its own sample, a bad negative all; each closes the gate, and nothing hangs. */
const notFinite = (name: 'query' | 'key' | 'queue', queueSize: number) => async (trial: Trial) => {
  const inputs: InfoNceInputs = spread(trial, 4, 16, queueSize);
  const want = await run(trial, inputs);
  for (const [pattern, bits] of NOT_FINITE) {
    const values = inputs[name].slice();
    values.set(fromBits(bits), 16 * 2 + 3);
    const { loss, rank } = await run(trial, { ...inputs, [name]: values });
    trial.close(`gate after ${pattern}`, [await gateOf(trial, loss)], [0], 0);
    for (const n of [0, 1, 2, 3]) {
      const bad = name === 'queue' ? !Number.isFinite(loss[n]!) : n === 2;
      if (bad) continue;
      trial.close(`loss ${n} beside ${pattern}`, [loss[n]!], [want.loss[n]!], 0);
      trial.close(`rank ${n} beside ${pattern}`, [rank[n]!], [want.rank[n]!], 0);
    }
  }
};

export const INFONCE_EDGE_CASES: KernelCases = [
  ['all logits equal, K = 37', allEqual(37)],
  ['all logits equal, K = 4097', allEqual(4097)],
  ['rank ties', ties(1, 32, 0)],
  ['rank ties of tiny queries', ties(2 ** -30, 32, 0)],
  // Products of 0.5 and more: whole words of shift in exact-sign.wgsl.
  ['rank ties of two columns', ties(1, 2, 0.5)],
  ['zero vectors', zeroVectors],
  ['denormals', denormals],
  ['a confident sample', confident],
  ['a near negative at the end', nearAt(299, 300)],
  // On WebGPU in the first of 71 splits: an invocation that combines them has several.
  ['a near negative at the start', nearAt(5, 9000)],
  ['overflow', overflow],
  ['not finite: query', notFinite('query', 40)],
  ['not finite: key', notFinite('key', 40)],
  ['not finite: queue', notFinite('queue', 40)],
  // On WebGPU only the first of three splits is bad.
  ['not finite: a queue of 300', notFinite('queue', 300)],
];
