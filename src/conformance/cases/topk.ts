/** topk-similarities.wgsl and topk-select.wgsl: the nearest rows of a bank. */
import type { KernelCases } from '../case.ts';
import { fromBits, NOT_FINITE, unitRows } from '../inputs.ts';
import { dot, topKReference } from '../references/topk.ts';
import type { Trial } from '../trial.ts';

interface Shape {
  q: number;
  m: number;
  dim: number;
  k: number;
}

/** Small whole numbers: dot products are exact in float32, so order and ties have to be exact, too. */
async function exact(trial: Trial, { q, m, dim, k }: Shape): Promise<void> {
  const whole = (length: number) => Float32Array.from({ length }, () => trial.random.integer(5) - 2);
  const [queries, bank] = [whole(q * dim), whole(m * dim)];
  const got = await trial.kernels.topk({
    queries: trial.put(queries),
    bank: trial.put(bank),
    rows: q,
    bankRows: m,
    dim,
    k,
  });
  const want = topKReference(queries, bank, q, m, dim, k);
  trial.close('similarities', got.similarities, want.similarities, 0, [q, k]);
  trial.close('indices', got.indices, want.indices, 0, [q, k]);
}

/** Within the bound of a dot product; best first; nothing better is left out. */
async function ofUnitRows(trial: Trial, { q, m, dim, k }: Shape): Promise<void> {
  const [queries, bank] = [unitRows(q, dim, trial.random), unitRows(m, dim, trial.random)];
  const { indices, similarities } = await trial.kernels.topk({
    queries: trial.put(queries),
    bank: trial.put(bank),
    rows: q,
    bankRows: m,
    dim,
    k,
  });
  const bound = trial.accuracy.dotBound(dim);
  for (let r = 0; r < q; r++) {
    const rows = indices.subarray(r * k, (r + 1) * k);
    const own = similarities.subarray(r * k, (r + 1) * k);
    const taken = new Set(rows);
    trial.that(`query ${r} has ${k} rows of the bank`, taken.size === k && rows.every((row) => row < m));
    const want = Array.from(rows, (row) => dot(queries, r, bank, row, dim));
    trial.close(`similarities of query ${r}`, own, want, bound);
    trial.that(
      `query ${r} has the best first`,
      own.every((s, j) => j === 0 || s <= own[j - 1]!),
    );
    let best = Number.NEGATIVE_INFINITY;
    for (let row = 0; row < m; row++) {
      if (!taken.has(row)) best = Math.max(best, dot(queries, r, bank, row, dim));
    }
    if (k < m) trial.that(`query ${r} leaves nothing better out`, best <= own[k - 1]! + 2 * bound);
  }
}

async function ties(trial: Trial): Promise<void> {
  const bank = new Float32Array(300).fill(2);
  const { indices } = await trial.kernels.topk({
    queries: trial.put([1]),
    bank: trial.put(bank),
    rows: 1,
    bankRows: 300,
    dim: 1,
    k: 100,
  });
  trial.close(
    'indices',
    indices,
    Uint32Array.from({ length: 100 }, (_, i) => i),
    0,
  );
}

/** A similarity that is not a number is never preferred, and +∞ never to one that is larger: there is none. */
async function notFinite(trial: Trial): Promise<void> {
  for (const [name, bits] of NOT_FINITE.filter(([pattern]) => pattern !== '+infinity')) {
    // Below 0, too: what is no number is not 0.
    for (const [sign, want] of [
      [1, [3, 4, 1]],
      [-1, [1, 4, 3]],
    ] as const) {
      const bank = Float32Array.of(0, 1, 0, 3, 2, 0).map((x) => sign * x);
      for (const row of [0, 2, 5]) bank.set(fromBits(bits), row);
      const { indices } = await trial.kernels.topk({
        queries: trial.put([1]),
        bank: trial.put(bank),
        rows: 1,
        bankRows: 6,
        dim: 1,
        k: 3,
      });
      trial.close(`indices beside ${name}, sign ${sign}`, indices, want, 0);
    }
  }
}

const MANY_QUERIES = { q: 32_777, m: 3, dim: 2, k: 3 };
const LARGE = { q: 2, m: 65_536, dim: 4, k: 20 };

export const topk: KernelCases = [
  ...[1, 3, 4, 5, 63, 64, 65, 127, 128, 129, 512].map(
    (dim) => [`C = ${dim}`, (t: Trial) => exact(t, { q: 5, m: 70, dim, k: 9 })] as const,
  ),
  ...[1, 2, 31, 32, 33, 63, 64, 65, 128, 257].map(
    (m) => [`M = k = ${m}`, (t: Trial) => exact(t, { q: 3, m, dim: 6, k: m })] as const,
  ),
  ...[1, 31, 32, 33, 63, 64, 65, 131].map(
    (q) => [`Q = ${q}`, (t: Trial) => exact(t, { q, m: 50, dim: 7, k: 6 })] as const,
  ),
  ['unit rows', (t) => ofUnitRows(t, { q: 9, m: 500, dim: 100, k: 20 })],
  ['ties', ties],
  ['not finite', notFinite],
  // Beyond it the host takes queries in turns on WebGPU.
  ['Q = 32777', (t) => exact(t, MANY_QUERIES), MANY_QUERIES.q * MANY_QUERIES.m],
  ['M = 65536', (t) => ofUnitRows(t, LARGE), LARGE.m * LARGE.dim],
];
