import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  embeddingSpread,
  SUMMARY_BOUNDS,
  summaryReference,
} from '../../src/conformance/references/summary.ts';
import { SUMMARY, SUMMARY_LENGTH, type SummaryArguments } from '../../src/kernels/summary.ts';
import { expectClose, expectSameBits } from '../compare.ts';
import { onEveryBackend } from './backends.ts';
import { errorOf, generator, normals, unitRows, withArrays } from './inputs.ts';

describe('embeddingSpread', () => {
  it('is about 1/√dim for rows spread over the sphere, 0 for collapsed ones', () => {
    const spread = embeddingSpread(unitRows(4000, 64, generator(1)), 4000, 64);
    expect(Math.abs(spread - 1 / 8)).toBeLessThan(0.002);
    expect(embeddingSpread(new Float32Array(6).fill(0.5), 3, 2)).toBe(0);
    expect(embeddingSpread(Float32Array.of(1, 0, 0, 1), 2, 2)).toBe(0.5);
  });
});

onEveryBackend(({ kernels, accuracy, fewer }) => {
  interface Step {
    loss: Float32Array;
    rank: Float32Array;
    query: Float32Array;
    rows: number;
    dim: number;
  }

  function step(rows: number, dim: number, seed: number, query?: Float32Array): Step {
    const random = generator(seed);
    return {
      loss: normals(rows, random, 3).map(Math.abs),
      rank: Float32Array.from({ length: rows }, () => Math.floor(9 * random())),
      query: query ?? unitRows(rows, dim, random),
      rows,
      dim,
    };
  }

  function run({ loss, rank, query, rows, dim }: Step, gate = 1): Promise<Float32Array> {
    return withArrays(kernels, async (put) => {
      const summary = put(new Float32Array(SUMMARY_LENGTH).fill(-1));
      const arrays = { loss: put(loss), rank: put(rank), embedding: put(query), gate: put([gate]) };
      kernels.summary({ ...arrays, rows, dim, summary });
      return kernels.read(summary);
    });
  }

  async function check(input: Step): Promise<void> {
    const { loss, rank, query, rows, dim } = input;
    const want = summaryReference(loss, rank, query, rows, dim, accuracy);
    const got = await run(input);
    expectClose(`N=${rows} C=${dim}`, got.subarray(0, SUMMARY.gate), want.summary, want.bound);
    expect(got[SUMMARY.gate]).toBe(1);
  }

  describe('summary', () => {
    it.each([
      [1, 1],
      [1, 128],
      [7, 3],
      [7, 128],
      [256, 3],
      [256, 128],
      [257, 300],
      [1000, 5],
    ])('N = %i, C = %i: near float64', (rows, dim) => check(step(rows, dim, rows + dim)));

    it('any shape', () =>
      fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 600 }),
          fc.integer({ min: 1, max: 270 }),
          fc.integer(),
          (rows, dim, seed) => check(step(rows, dim, seed)),
        ),
        { numRuns: 30 / fewer },
      ));

    it('what is certain is exact: ranks at the limits, one row, rows that are all equal', async () => {
      const one = unitRows(1, 128, generator(4));
      for (const rows of [1, 7, 256, 300]) {
        const query = Float32Array.from({ length: rows * 128 }, (_, i) => one[i % 128]!);
        const got = await run(step(rows, 128, rows, query));
        expect(got[SUMMARY.embeddingStd], `${rows} equal rows`).toBe(0);
      }
      const ranks = { ...step(8, 2, 1), rank: Float32Array.of(0, 1, 4, 5, 0, 65536, 4, 2) };
      const got = await run(ranks);
      expectClose(
        'accuracies',
        got.subarray(SUMMARY.acc1, SUMMARY.acc5 + 1),
        [25, 75],
        75 * SUMMARY_BOUNDS[accuracy.backend].percentError,
      );
    });

    it('rows that have nearly collapsed keep the digits of their spread', async () => {
      const random = generator(6);
      const [rows, dim] = [100, 16];
      const one = unitRows(1, dim, random);
      const query = Float32Array.from({ length: rows * dim }, (_, i) => one[i % dim]! + 1e-4 * random());
      const got = (await run(step(rows, dim, 1, query)))[SUMMARY.embeddingStd]!;
      const want = embeddingSpread(query, rows, dim);
      expect(Math.abs(got - want) / want).toBeLessThan(0.01);
      await check(step(rows, dim, 1, query));
    });

    it('is the same bits each time', async () => {
      const input = step(256, 128, 2);
      expectSameBits('summary', await run(input), await run(input));
    });

    it('hands the gate on, bit for bit, whatever the numbers of the step are', async () => {
      const bad = step(300, 5, 3);
      bad.loss.set([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
      bad.rank.fill(Number.NaN);
      bad.query.fill(Number.NaN, 0, 40);
      for (const gate of [0, 1, -0, 2 ** -149, Number.POSITIVE_INFINITY, Number.NaN]) {
        const got = await run(bad, gate);
        expectSameBits(`gate ${gate}`, got.subarray(SUMMARY.gate), Float32Array.of(gate));
      }
      expect((await run(step(3, 2, 1), 0))[SUMMARY.gate], 'closed, with good numbers').toBe(0);
    });

    it('the summary may take the place of what it sums up', () =>
      withArrays(kernels, async (put) => {
        const input = step(5, 2, 7);
        const want = await run(input);
        const loss = put(input.loss);
        const { rows, dim } = input;
        const others = { rank: put(input.rank), embedding: put(input.query), gate: put([1]), rows, dim };
        kernels.summary({ ...others, loss, summary: loss });
        expectSameBits('summary', await kernels.read(loss), want);
      }));

    it('refuses no rows, wrong shapes and what was freed', () =>
      withArrays(kernels, (put) => {
        const [rows, dim] = [2, 3];
        const [loss, rank, embedding, gate] = [put([1, 2]), put([0, 0]), put(new Float32Array(6)), put([1])];
        const whole = { loss, rank, embedding, gate, rows, dim, summary: put(new Float32Array(5)) };
        const freed = kernels.allocate(2);
        kernels.free(freed);
        const none = { rows: 0, loss: put([]), rank: put([]), embedding: put([]) };
        const cases: [string, RegExp, Partial<SummaryArguments>][] = [
          ['shape-mismatch', /rows is 0/, none],
          ['shape-mismatch', /loss has 1 .*\[2\]/, { loss: gate }],
          ['shape-mismatch', /rank has 1 .*\[2\]/, { rank: gate }],
          ['shape-mismatch', /embedding has 2 .*\[2, 3\]/, { embedding: loss }],
          ['shape-mismatch', /gate has 2 .*\[1\]/, { gate: loss }],
          ['shape-mismatch', /summary has 6 .*\[5\]/, { summary: embedding }],
          ['array-freed', /loss was used after/, { loss: freed }],
        ];
        for (const [code, message, change] of cases) {
          const error = errorOf(() => kernels.summary({ ...whole, ...change }));
          expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
        }
      }));
  });
});
