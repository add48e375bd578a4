import fc from 'fast-check';
import { expect, it } from 'vitest';
import { onEveryBackend } from './backends.ts';
import { generator, LENGTHS, normals, withArrays } from './inputs.ts';

onEveryBackend(({ kernels, fewer }) => {
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
