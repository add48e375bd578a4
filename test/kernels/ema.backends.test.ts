import fc from 'fast-check';
import { expect, it } from 'vitest';
import { blend } from '../../src/conformance/references/ema.ts';
import type { DeviceArray } from '../../src/kernels/device-array.ts';
import { expectClose, expectSameBits } from '../compare.ts';
import { onEveryBackend } from './backends.ts';
import { generator, LENGTHS, normals, withArrays } from './inputs.ts';

onEveryBackend(({ kernels, accuracy, fewer }) => {
  /** Any float32 but NaN, infinities and what would overflow. */
  const values = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -(2 ** 60), max: 2 ** 60 }), {
    maxLength: 40,
  });

  async function ema(key: Float32Array, query: Float32Array, m: number): Promise<Float32Array> {
    return withArrays(kernels, async (put) => {
      const k = put(key);
      kernels.ema({ targets: [k], sources: [put(query)], keep: m, scale: 1 - m });
      return kernels.read(k);
    });
  }

  const lists = async (arrays: readonly DeviceArray[]): Promise<number[][]> =>
    (await Promise.all(arrays.map((array) => kernels.read(array)))).map((result) => [...result]);

  it.each(LENGTHS)(
    'length %i: the bits of float32 m·k + (1 − m)·q, near the float64 result',
    async (length) => {
      const random = generator(length + 1);
      const key = normals(length, random);
      const query = normals(length, random);
      for (const m of [0.999, 0.99, 0.5]) {
        const got = await ema(key, query, m);
        const { exact, bound, bits } = blend(key, query, m, 1 - m, accuracy);
        // A GPU may fuse the product with the sum.
        if (accuracy.exact) expectSameBits(`m = ${m}`, got, bits);
        if (length > 0) expectClose(`m = ${m}`, got, exact, bound);
      }
    },
  );

  it('m = 0 copies the query, m = 1 keeps the key', () =>
    fc.assert(
      fc.asyncProperty(values, async (list) => {
        const key = Float32Array.from(list);
        const query = key.map((x, i) => (i % 2 ? -x : x + 1));
        if (key.length === 0) return;
        // Only denormals may be lost.
        const lost = accuracy.exact ? 0 : 2 ** -126;
        expectClose('m = 0', await ema(key, query, 0), query, lost);
        expectClose('m = 1', await ema(key, query, 1), key, lost);
      }),
      { numRuns: 100 / fewer },
    ));

  it('equal keys and queries stay where they are, within rounding, for any m', () =>
    fc.assert(
      fc.asyncProperty(values, fc.double({ min: 0, max: 1, noNaN: true }), async (list, m) => {
        const x = Float32Array.from(list);
        if (x.length === 0) return;
        const { bound } = blend(x, x, m, 1 - m, accuracy);
        expectClose(`m = ${m}`, await ema(x, x, m), x, bound);
      }),
      { numRuns: 100 / fewer },
    ));

  it('goes through every pair of the lists', () =>
    withArrays(kernels, async (put) => {
      const keys = [put([1, 2]), put([3]), put([4, 5, 6])];
      kernels.ema({
        targets: keys,
        sources: [put([3, 4]), put([5]), put([6, 7, 8])],
        keep: 0.5,
        scale: 1 - 0.5,
      });
      const results = await Promise.all(keys.map((key) => kernels.read(key)));
      expect(results.map((result) => [...result])).toEqual([[2, 3], [4], [5, 6, 7]]);
    }));

  it.each(LENGTHS)(
    'running statistics of length %i: the bits of float32 keep·r + scale·s, near float64',
    (length) =>
      withArrays(kernels, async (put) => {
        const [running, sum] = [normals(length, generator(3)), normals(length, generator(4))];
        const [keep, scale] = [0.9, (0.1 / 8) * (49 / 48)];
        const array = put(running);
        kernels.ema({ targets: [array], sources: [put(sum)], keep, scale: [scale], gate: put([1]) });
        const got = await kernels.read(array);
        const want = blend(running, sum, keep, scale, accuracy);
        if (accuracy.exact) expectSameBits('running', got, want.bits);
        if (length > 0) expectClose('running', got, want.exact, want.bound);
      }),
  );

  it('each pair has its scale; a closed gate leaves all as it is', () =>
    withArrays(kernels, async (put) => {
      const running = [put([4, 8]), put([16]), put([2, 4, 6])];
      const sums = [put([1, 2]), put([3]), put([10, 20, 30])];
      kernels.ema({ targets: running, sources: sums, keep: 0.5, scale: [2, -1, 0.5], gate: put([0]) });
      expect(await lists(running)).toEqual([[4, 8], [16], [2, 4, 6]]);
      kernels.ema({ targets: running, sources: sums, keep: 0.5, scale: [2, -1, 0.5], gate: put([1]) });
      expect(await lists(running)).toEqual([[4, 8], [5], [6, 12, 18]]);
    }));

  it('a closed gate leaves the keys as they are, an open one is as none', () =>
    withArrays(kernels, async (put) => {
      const [keys, queries] = [
        [put([1, 2]), put([3])],
        [put([3, 4]), put([5])],
      ];
      kernels.ema({ targets: keys, sources: queries, keep: 0.5, scale: 1 - 0.5, gate: put([0]) });
      expect(await lists(keys)).toEqual([[1, 2], [3]]);
      kernels.ema({ targets: keys, sources: queries, keep: 0.5, scale: 1 - 0.5, gate: put([1]) });
      expect(await lists(keys)).toEqual([[2, 3], [4]]);
    }));
});
