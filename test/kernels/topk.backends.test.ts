import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dot, topKReference } from '../../src/conformance/references/topk.ts';
import type { TopK } from '../../src/kernels/topk.ts';
import { expectClose } from '../compare.ts';
import { onEveryBackend } from './backends.ts';
import { generator, unitRows, withArrays } from './inputs.ts';

onEveryBackend(({ kernels, accuracy, fewer }) => {
  interface Inputs {
    queries: Float32Array;
    bank: Float32Array;
    q: number;
    m: number;
    dim: number;
    k: number;
  }

  function run({ queries, bank, q, m, dim, k }: Inputs): Promise<TopK> {
    return withArrays(kernels, (put) =>
      kernels.topk({ queries: put(queries), bank: put(bank), rows: q, bankRows: m, dim, k }),
    );
  }

  /** Small whole numbers: dot products are exact in float32, so order and ties must be exact too. */
  function wholeInputs(q: number, m: number, dim: number, k: number, seed: number): Inputs {
    const random = generator(seed);
    const whole = (length: number): Float32Array =>
      Float32Array.from({ length }, () => Math.floor(5 * random()) - 2);
    return { queries: whole(q * dim), bank: whole(m * dim), q, m, dim, k };
  }

  async function checkExact(inputs: Inputs): Promise<void> {
    const { queries, bank, q, m, dim, k } = inputs;
    const want = topKReference(queries, bank, q, m, dim, k);
    const got = await run(inputs);
    expectClose('similarities', got.similarities, want.similarities, 0, [q, k]);
    expectClose('indices', got.indices, want.indices, 0, [q, k]);
  }

  describe('topk', () => {
    it.each([1, 2, 3, 4, 5, 15, 16, 17, 33, 64, 129])('C = %i', (dim) =>
      checkExact(wholeInputs(5, 70, dim, 9, dim)),
    );
    it.each([1, 2, 3, 31, 32, 33, 63, 64, 65, 257])('M = k = %i: a full sort', (m) =>
      checkExact(wholeInputs(3, m, 6, m, m)),
    );
    it.each([1, 3, 4, 5, 63, 64, 65, 131])('Q = %i', (q) => checkExact(wholeInputs(q, 50, 7, 6, q)));

    it('gives ties to the lower index', async () => {
      const inputs = {
        queries: Float32Array.of(1),
        bank: new Float32Array(100).fill(2),
        q: 1,
        m: 100,
        dim: 1,
        k: 40,
      };
      expect([...(await run(inputs)).indices]).toEqual(Array.from({ length: 40 }, (_, i) => i));
    });

    it('unit rows: within the bound of a float32 dot product, and nothing better is left out', async () => {
      const random = generator(4);
      const [q, m, dim, k] = [9, 500, 100, 20];
      const inputs = { queries: unitRows(q, dim, random), bank: unitRows(m, dim, random), q, m, dim, k };
      const { indices, similarities } = await run(inputs);
      const bound = accuracy.dotBound(dim);
      for (let r = 0; r < q; r++) {
        const rows = [...indices.subarray(r * k, (r + 1) * k)];
        expect(new Set(rows).size).toBe(k);
        const exact = rows.map((row) => dot(inputs.queries, r, inputs.bank, row, dim));
        expectClose(`similarities of query ${r}`, similarities.subarray(r * k, (r + 1) * k), exact, bound);
        for (let j = 1; j < k; j++) {
          expect(similarities[r * k + j]).toBeLessThanOrEqual(similarities[r * k + j - 1]!);
        }
        for (let row = 0; row < m; row++) {
          if (rows.includes(row)) continue;
          expect(dot(inputs.queries, r, inputs.bank, row, dim)).toBeLessThanOrEqual(
            exact[k - 1]! + 2 * bound,
          );
        }
      }
    });

    it('a similarity that is not a number is never preferred', async () => {
      const bank = Float32Array.of(Number.NaN, 1, Number.NaN, 3, 2, Number.NaN);
      const inputs = { queries: Float32Array.of(1), bank, q: 1, m: 6, dim: 1, k: 3 };
      expect([...(await run(inputs)).indices]).toEqual([3, 4, 1]);
    });

    it('any shape', () =>
      fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 10 }),
          fc.integer({ min: 1, max: 80 }),
          fc.integer({ min: 1, max: 20 }),
          fc.nat(),
          fc.integer(),
          (q, m, dim, k, seed) => checkExact(wholeInputs(q, m, dim, 1 + (k % m), seed)),
        ),
        { numRuns: 100 / fewer },
      ));
  });
});
