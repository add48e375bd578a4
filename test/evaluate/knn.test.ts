import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toUnit } from '../../src/conformance/inputs.ts';
import { dot } from '../../src/conformance/references/topk.ts';
import { type Embeddings, knnClassify, knnLeaveOneOut } from '../../src/evaluate/knn.ts';
import { createWasmKernels, type WasmKernels } from '../../src/kernels/wasm/wasm-kernels.ts';
import { expectClose } from '../compare.ts';
import { generator, normals } from '../kernels/inputs.ts';

let kernels: WasmKernels;
beforeAll(async () => {
  kernels = await createWasmKernels();
});
afterAll(() => kernels.dispose());

function embeddings(rows: number, dim: number, classes: number, seed: number): Embeddings {
  const random = generator(seed);
  return {
    features: normals(rows * dim, random, 4),
    labels: Array.from({ length: rows }, () => Math.floor(classes * random())),
    rows,
  };
}

/** scores [queries, classes] in float64, relative to the nearest's vote; the query's own row left out where asked. */
function reference(
  bank: Embeddings,
  queries: Embeddings,
  dim: number,
  classes: number,
  k: number,
  t: number,
  loo: boolean,
) {
  const [a, b] = [toUnit(queries.features, queries.rows, dim), toUnit(bank.features, bank.rows, dim)];
  const scores = new Float64Array(queries.rows * classes);
  for (let r = 0; r < queries.rows; r++) {
    const rows = Array.from({ length: bank.rows }, (_, j) => ({ j, s: dot(a, r, b, j, dim) }));
    const nearest = rows.filter(({ j }) => !(loo && j === r)).sort((x, y) => y.s - x.s || x.j - y.j);
    const best = nearest[0]!.s;
    for (const { j, s } of nearest.slice(0, k)) {
      scores[r * classes + bank.labels[j]!]! += Math.exp((s - best) / t);
    }
  }
  return scores;
}

describe('kNN', () => {
  it.each([1, 7, 200])('k = %i: scores and predictions as in float64', async (k) => {
    const [bank, queries] = [embeddings(300, 19, 5, 1), embeddings(40, 19, 5, 2)];
    const got = await knnClassify(kernels, bank, queries, { dim: 19, classes: 5, k });
    const want = reference(bank, queries, 19, 5, k, 0.1, false);
    // A float32 similarity is right to 1e-6, so exp(sim / 0.1) to 1e-5 of itself.
    expectClose(
      'scores',
      got.scores,
      want,
      want.map((score) => 2e-5 * score + 1e-12),
      [40, 5],
    );
    const predicted = Array.from({ length: 40 }, (_, r) => {
      const row = [...want.subarray(5 * r, 5 * r + 5)];
      return row.indexOf(Math.max(...row));
    });
    expect([...got.predictions]).toEqual(predicted);
    expect(got.top1).toBe((100 * predicted.filter((c, r) => c === queries.labels[r]).length) / 40);
    expect(got.k).toBe(k);
    expect(kernels.heapBytes).toBe(0);
  });

  it('more than one chunk of queries', async () => {
    const [bank, queries] = [embeddings(20, 4, 3, 3), embeddings(2100, 4, 3, 4)];
    const got = await knnClassify(kernels, bank, queries, { dim: 4, classes: 3, k: 5 });
    const want = reference(bank, queries, 4, 3, 5, 0.1, false);
    expectClose(
      'scores',
      got.scores,
      want,
      want.map((score) => 2e-5 * score + 1e-12),
      [2100, 3],
    );
  });

  it('leave-one-out: no row votes for itself, even with a twin elsewhere', async () => {
    const bank = embeddings(1100, 8, 4, 5);
    bank.features.copyWithin(8 * 3, 0, 8);
    const got = await knnLeaveOneOut(kernels, bank, { dim: 8, classes: 4, k: 6, blockRows: 400 });
    const want = reference(bank, bank, 8, 4, 6, 0.1, true);
    expectClose(
      'scores',
      got.scores,
      want,
      want.map((score) => 2e-5 * score + 1e-12),
      [1100, 4],
    );
    for (let r = 0; r < 1100; r++) expect(got.neighbors.subarray(6 * r, 6 * r + 6)).not.toContain(r);
    expect([got.neighbors[0], got.neighbors[18]]).toEqual([3, 0]);
  });

  it.each([1e-3, 1e-5, 1e-300])('t = %d: the nearest decide, with no overflow', async (t) => {
    // exp(1 / t) is beyond float64 from t = 1/709 on.
    const [bank, queries] = [embeddings(300, 19, 5, 9), embeddings(40, 19, 5, 10)];
    const got = await knnClassify(kernels, bank, queries, { dim: 19, classes: 5, k: 50, t });
    const nearest = Array.from({ length: 40 }, (_, r) => bank.labels[got.neighbors[50 * r]!]);
    const gaps = Array.from({ length: 40 }, (_, r) => {
      return got.similarities[50 * r]! - got.similarities[50 * r + 1]!;
    });
    for (let r = 0; r < 40; r++) {
      const scores = got.scores.subarray(5 * r, 5 * r + 5);
      expect([...scores].every((score) => score >= 0 && score <= 50)).toBe(true);
      // Where the second vote is at most e^-10 and so are all others, 50 of them count for nothing.
      if (gaps[r]! > 10 * t) expect(got.predictions[r]).toBe(nearest[r]);
    }
    expect(gaps.filter((gap) => gap > 10 * t).length).toBeGreaterThan(20);
  });

  it.each([1, 7, 33, 1000])('blocks of %i rows give the bits of one block', async (blockRows) => {
    const bank = embeddings(300, 19, 5, 11);
    // Twins in different blocks: ties go to the lower row. A row that is no number comes after all others.
    for (const [from, to] of [
      [3, 4],
      [3, 40],
      [7, 290],
    ] as const) {
      bank.features.copyWithin(19 * to, 19 * from, 19 * (from + 1));
    }
    bank.features.fill(Number.NaN, 19 * 50, 19 * 51);
    const queries = embeddings(60, 19, 5, 12);
    queries.features.set(bank.features.subarray(0, 19 * 10));
    for (const k of [1, 7, 80]) {
      const options = { dim: 19, classes: 5, k };
      const whole = await knnClassify(kernels, bank, queries, { ...options, blockRows: 300 });
      expect(await knnClassify(kernels, bank, queries, { ...options, blockRows })).toEqual(whole);
      const others = await knnLeaveOneOut(kernels, bank, { ...options, blockRows: 300 });
      expect(await knnLeaveOneOut(kernels, bank, { ...options, blockRows })).toEqual(others);
    }
    expect(kernels.heapBytes).toBe(0);
  });

  it('takes a bank larger than the memory of the kernels', async () => {
    const small = await createWasmKernels({ maximumBytes: 48 * 2 ** 20 });
    const [bank, queries] = [embeddings(40_000, 512, 5, 13), embeddings(3, 512, 5, 14)];
    // 78 MiB.
    expect(() => small.allocate(bank.features.length)).toThrow(/no memory left/);
    const options = { dim: 512, classes: 5, k: 5 };
    const whole = await knnClassify(kernels, bank, queries, { ...options, blockRows: bank.rows });
    expect(await knnClassify(small, bank, queries, options)).toEqual(whole);
    small.dispose();
  });

  it('leaves no memory taken where there is too little', async () => {
    const small = await createWasmKernels({ maximumBytes: 2 ** 20 });
    const before = small.heapBytes;
    const [bank, queries] = [embeddings(2000, 64, 5, 15), embeddings(1000, 64, 5, 16)];
    const options = { dim: 64, classes: 5 };
    // The bank fits, the queries do not.
    const blocks = knnClassify(small, bank, queries, { ...options, blockRows: 3000 });
    await expect(blocks).rejects.toMatchObject({ code: 'out-of-memory' });
    await expect(knnClassify(small, bank, queries, options)).rejects.toMatchObject({ code: 'out-of-memory' });
    expect(small.heapBytes).toBe(before);
    small.dispose();
  });

  it('lowers k to what the bank has, and says so', async () => {
    const bank = embeddings(30, 4, 3, 6);
    expect((await knnClassify(kernels, bank, bank, { dim: 4, classes: 3 })).k).toBe(30);
    expect((await knnLeaveOneOut(kernels, bank, { dim: 4, classes: 3 })).k).toBe(29);
  });

  it('errors say what is wrong', async () => {
    const bank = embeddings(3, 4, 2, 7);
    const options = { dim: 4, classes: 2 };
    await expect(knnClassify(kernels, bank, bank, { ...options, t: 0 })).rejects.toThrow('t is 0');
    await expect(knnClassify(kernels, bank, bank, { ...options, blockRows: 0 })).rejects.toThrow('blockRows');
    await expect(knnClassify(kernels, bank, bank, { ...options, k: 0 })).rejects.toThrow('k is 0');
    await expect(knnClassify(kernels, bank, bank, { ...options, dim: 5 })).rejects.toThrow(
      'bank.features has 12',
    );
    const wrong = { ...bank, labels: [0, 1, 2] };
    await expect(knnClassify(kernels, bank, wrong, options)).rejects.toThrow('queries.labels[2] is 2');
    const one = embeddings(1, 4, 2, 8);
    await expect(knnLeaveOneOut(kernels, one, options)).rejects.toThrow('two images');
    expect(kernels.heapBytes).toBe(0);
  });
});
