/** relu, its gradient, and add, which follow each other between the convolutions of a network. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBits } from '../../src/conformance/inputs.ts';
import { rectified } from '../../src/conformance/references/relu.ts';
import { rectifiedGradient } from '../../src/conformance/references/relu-backward.ts';
import type { DeviceArray } from '../../src/kernels/device-array.ts';
import { expectSameBits } from '../compare.ts';
import { onEveryBackend } from './backends.ts';
import { errorOf, generator, LENGTHS, normals, withArrays } from './inputs.ts';

onEveryBackend(({ kernels, fewer }) => {
  describe('relu, reluBackward, add', () => {
    const bits = fc.integer({ min: 0, max: 2 ** 32 - 1 });

    it('any bits: NaN, −0 and denormals go through relu, and through its gradient where y lets them', () =>
      fc.assert(
        fc.asyncProperty(fc.array(fc.tuple(bits, bits), { minLength: 1, maxLength: 40 }), (pairs) =>
          withArrays(kernels, async (put) => {
            /** As bits: a NaN that goes through a number may become another. */
            const given = (values: Float32Array): DeviceArray => {
              const array = put(new Float32Array(values.length));
              kernels.write(array, values);
              return array;
            };
            const [values, gradients] = [0, 1].map((of) => fromBits(...pairs.map((pair) => pair[of]!)));
            const [x, dy] = [given(values!), given(gradients!)];
            const [y, dx] = [put(new Float32Array(pairs.length)), put(new Float32Array(pairs.length))];
            kernels.relu({ x, y });
            expectSameBits('y', await kernels.read(y), rectified(values!));
            const want = rectifiedGradient(gradients!, values!);
            kernels.reluBackward({ dy, y, dx });
            expectSameBits('dx by y', await kernels.read(dx), want);
            kernels.reluBackward({ dy, y: x, dx });
            expectSameBits('dx by x', await kernels.read(dx), want);
          }),
        ),
        { numRuns: 100 / fewer },
      ));

    it.each(LENGTHS)('length %i: max(x, 0), dy where x > 0, and the sum that accumulate gives', (length) =>
      withArrays(kernels, async (put) => {
        const random = generator(length + 3);
        const [values, gradients] = [normals(length, random), normals(length, random)];
        const [x, dy, sum] = [put(values), put(gradients), put(values)];
        const [y, dx, total] = [put(values), put(values), put(values)];
        kernels.relu({ x, y });
        kernels.reluBackward({ dy, y: x, dx });
        kernels.add({ a: x, b: dy, y: total });
        kernels.accumulate({ sums: [sum], xs: [dy] });
        const [got, gradient] = [await kernels.read(y), await kernels.read(dx)];
        expect([...got]).toEqual([...values].map((value) => Math.max(value, 0)));
        expect([...gradient]).toEqual([...gradients].map((value, i) => (values[i]! > 0 ? value : 0)));
        expectSameBits('sum', await kernels.read(total), await kernels.read(sum));
      }),
    );

    it('arrays that are not of one length, or freed, are refused before anything is written', () =>
      withArrays(kernels, async (put) => {
        const [two, three, freed] = [put([-1, -2]), put([-3, -4, -5]), kernels.allocate(2)];
        kernels.free(freed);
        const cases: [string, RegExp, () => void][] = [
          ['shape-mismatch', /y has 3 .* length of x needs 2/, () => kernels.relu({ x: two, y: three })],
          ['array-freed', /x was used after/, () => kernels.relu({ x: freed, y: two })],
          ['shape-mismatch', /y has 3/, () => kernels.reluBackward({ dy: two, y: three, dx: two })],
          ['shape-mismatch', /dx has 2/, () => kernels.reluBackward({ dy: three, y: three, dx: two })],
          ['array-freed', /y was used after/, () => kernels.reluBackward({ dy: two, y: freed, dx: two })],
          ['shape-mismatch', /b has 3/, () => kernels.add({ a: two, b: three, y: two })],
          ['shape-mismatch', /y has 2/, () => kernels.add({ a: three, b: three, y: two })],
          ['array-freed', /y was used after/, () => kernels.add({ a: two, b: two, y: freed })],
          ['usage', /add: an argument is missing/, () => kernels.add({ a: two, b: two } as never)],
        ];
        for (const [code, message, body] of cases) {
          const error = errorOf(body);
          expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
        }
        expect([...(await kernels.read(two)), ...(await kernels.read(three))]).toEqual([-1, -2, -3, -4, -5]);
      }));
  });
});
