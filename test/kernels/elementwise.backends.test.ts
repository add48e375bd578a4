import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blend } from '../../src/conformance/references/ema.ts';
import { sgdStep } from '../../src/conformance/references/sgd.ts';
import type { SgdOptions } from '../../src/kernels/sgd.ts';
import { expectClose, expectSameBits } from '../compare.ts';
import { onEveryBackend } from './backends.ts';
import { generator, normals, withArrays } from './inputs.ts';

onEveryBackend(({ kernels, accuracy, fewer }) => {
  const { exact: sameBits } = accuracy;

  const LENGTHS = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 63, 64, 65, 1021];
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

  describe('ema', () => {
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
          if (sameBits) expectSameBits(`m = ${m}`, got, bits);
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
          const lost = sameBits ? 0 : 2 ** -126;
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
  });

  describe('accumulate', () => {
    it.each(LENGTHS)('length %i: the bits of float32 addition', (length) =>
      withArrays(kernels, async (put) => {
        const random = generator(length + 2);
        const sum = normals(length, random);
        const x = normals(length, random);
        const target = put(sum);
        kernels.accumulate({ sums: [target], xs: [put(x)] });
        expectSameBits(
          'sum',
          await kernels.read(target),
          sum.map((s, i) => s + x[i]!),
        );
      }),
    );
  });

  describe('sgd', () => {
    const options: SgdOptions = { learningRate: 0.03, momentum: 0.9, weightDecay: 1e-4 };

    it.each(LENGTHS)(
      'length %i: five steps with the bits of float32, near float64, lr outside the buffer',
      (length) =>
        withArrays(kernels, async (put) => {
          const random = generator(length + 3);
          const start = normals(length, random);
          const [p, b] = [put(start), put(new Float32Array(length))];
          const gate = put([1]);
          let [wantP, wantB]: [Float32Array, Float32Array] = [start, new Float32Array(length)];
          for (let step = 0; step < 5; step++) {
            const given = { ...options, learningRate: step < 3 ? 0.03 : 0.003 };
            const g = normals(length, random);
            kernels.sgd({ parameters: [p], gradients: [put(g)], buffers: [b], ...given, gate });
            const want = sgdStep(wantP, g, wantB, given, accuracy);
            [wantP, wantB] = [await kernels.read(p), await kernels.read(b)];
            if (length === 0) continue;
            expectClose(`buffer, step ${step}`, wantB, want.buffer.exact, want.buffer.bound);
            expectClose(`parameter, step ${step}`, wantP, want.parameter.exact, want.parameter.bound);
            if (!sameBits) continue;
            expectSameBits(`buffer, step ${step}`, wantB, want.buffer.bits);
            expectSameBits(`parameter, step ${step}`, wantP, want.parameter.bits);
          }
        }),
    );

    it('a closed gate leaves parameters and buffers as they are', () =>
      withArrays(kernels, async (put) => {
        const [p, b] = [put([1, 2, 3, 4, 5]), put([6, 7, 8, 9, 10])];
        kernels.sgd({
          parameters: [p],
          gradients: [put([1, 1, 1, 1, 1])],
          buffers: [b],
          ...options,
          gate: put([0]),
        });
        expect([...(await kernels.read(p))]).toEqual([1, 2, 3, 4, 5]);
        expect([...(await kernels.read(b))]).toEqual([6, 7, 8, 9, 10]);
      }));
  });

  describe('finite', () => {
    it.each(LENGTHS)(
      'length %i: closes on NaN or ±∞ in any place, and stays as it is on finite values',
      (length) =>
        withArrays(kernels, async (put) => {
          const gate = put([1]);
          const clean = normals(length, generator(length));
          if (length) clean[length >> 1] = 3.4028234663852886e38;
          if (length > 1) clean[0] = 2 ** -149;
          const array = put(clean);
          kernels.finite({ gate, arrays: [array] });
          expect([...(await kernels.read(gate))]).toEqual([1]);
          for (let i = 0; i < length; i += fewer > 1 && length > 100 ? 31 : 1) {
            const bad = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY][i % 3]!;
            kernels.write(array, Float32Array.of(bad), i);
            kernels.finite({ gate, arrays: [put([1]), array, put([2])] });
            expect([...(await kernels.read(gate))], `${bad} at ${i} of ${length}`).toEqual([0]);
            kernels.write(array, clean.subarray(i, i + 1), i);
            kernels.finite({ gate, arrays: [array] });
            kernels.finite({ gate, arrays: [] });
            expect([...(await kernels.read(gate))], 'stays closed').toEqual([0]);
            kernels.write(gate, Float32Array.of(1));
          }
          kernels.finite({ gate, arrays: [array] });
          kernels.finite({ gate, arrays: [] });
          expect([...(await kernels.read(gate))], 'stays open').toEqual([1]);
        }),
    );

    it('a gate may be checked by itself', () =>
      withArrays(kernels, async (put) => {
        const [gate, bad] = [put([1]), put([Number.NaN])];
        kernels.finite({ gate, arrays: [gate] });
        kernels.finite({ gate: bad, arrays: [bad] });
        expect([...(await kernels.read(gate)), ...(await kernels.read(bad))]).toEqual([1, 0]);
      }));

    it('catches every bit pattern of NaN', () =>
      fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: 0x7fffff }), fc.boolean(), (mantissa, negative) =>
          withArrays(kernels, async (put) => {
            const array = put([1, 2, 3, 4, 5, 6, 7, 8, 9]);
            const gate = put([1]);
            const bits = Uint32Array.of((0x7f800000 | mantissa | (negative ? 0x80000000 : 0)) >>> 0);
            kernels.write(array, new Float32Array(bits.buffer), mantissa % 9);
            kernels.finite({ gate, arrays: [array] });
            expect([...(await kernels.read(gate))]).toEqual([0]);
          }),
        ),
        { numRuns: 100 / fewer },
      ));
  });
});
