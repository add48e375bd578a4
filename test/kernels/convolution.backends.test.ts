import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { convolutionReference } from '../../src/conformance/references/convolution.ts';
import type { ConvolutionArguments } from '../../src/kernels/convolution.ts';
import { type ConvolutionShape, matrixOf } from '../../src/kernels/convolution-shape.ts';
import { expectClose, expectSameBits } from '../compare.ts';
import { onEveryBackend } from './backends.ts';
import { shapes } from './convolution-shapes.ts';
import { type ConvolutionInputs, errorOf, generator, normals, runConvolution, withArrays } from './inputs.ts';

function inputsOf(shape: ConvolutionShape, seed: number): ConvolutionInputs {
  const random = generator(seed);
  const { batch, channels, height, width, filters } = shape;
  const x = normals(batch * channels * height * width, random);
  return { ...shape, x, weight: normals(filters * matrixOf(shape).columns, random) };
}

const SHAPE: ConvolutionShape = {
  ...{ batch: 3, channels: 4, height: 5, width: 6, filters: 6, outHeight: 3, outWidth: 3, groups: 2 },
  ...{ kernel: [3, 2], strides: [2, 2], pads: [1, 1, 1, 0], dilations: [1, 2] },
};

onEveryBackend(({ kernels, accuracy, fewer }) => {
  describe('convolution', () => {
    it('of any shape agrees with float64', () =>
      fc.assert(
        fc.asyncProperty(shapes, fc.integer(), async (shape, seed) => {
          const inputs = inputsOf(shape, seed);
          const want = convolutionReference(inputs.x, inputs.weight, shape, accuracy);
          expectClose('y', await runConvolution(kernels, inputs), want.exact, want.bound);
        }),
        { numRuns: 200 / fewer },
      ));

    it('an image has the same bits whatever images are beside it', async () => {
      const inputs = inputsOf(SHAPE, 1);
      const all = await runConvolution(kernels, inputs);
      const x = inputs.x.subarray(120, 240);
      const got = await runConvolution(kernels, { ...inputs, batch: 1, x });
      expectSameBits('y', got, all.subarray(54, 108));
    });

    it.each<[string, string, Partial<ConvolutionArguments>, RegExp]>([
      ['another height', 'shape-mismatch', { outHeight: 4 }, /outHeight is 4, but a height of 5 makes 3/],
      ['a shorter x', 'shape-mismatch', { batch: 1 }, /x has 360 elements, but \[4, 30\] needs 120/],
      ['another weight', 'shape-mismatch', { groups: 1 }, /weight has 72 .*\[6, 24\] needs 144/],
    ])('refuses %s', (_, code, wrong, message) =>
      withArrays(kernels, async (put) => {
        const { x, weight } = inputsOf(SHAPE, 2);
        const y = put(new Float32Array(162).fill(7));
        const args = { ...SHAPE, x: put(x), weight: put(weight), y };
        const error = errorOf(() => kernels.convolution({ ...args, ...wrong }));
        expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
        expect(new Set(await kernels.read(y))).toEqual(new Set([7]));
      }),
    );

    it('refuses y in the place of its inputs', () =>
      withArrays(kernels, (put) => {
        const one = { ...SHAPE, batch: 1, channels: 1, height: 1, width: 1, filters: 1, groups: 1 };
        const shape = { ...one, outHeight: 1, outWidth: 1, kernel: [1, 1], pads: [0, 0, 0, 0] } as const;
        const [x, weight] = [put([1]), put([1])];
        for (const y of [x, weight]) {
          const error = errorOf(() => kernels.convolution({ ...shape, x, weight, y }));
          expect(error).toMatchObject({ code: 'usage', message: expect.stringContaining('give it its own') });
        }
      }));
  });
});
