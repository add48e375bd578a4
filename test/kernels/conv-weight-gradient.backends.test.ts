import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { convWeightGradientReference } from '../../src/conformance/references/conv-weight-gradient.ts';
import type { ConvWeightGradientArguments } from '../../src/kernels/conv-weight-gradient.ts';
import type { ConvolutionShape } from '../../src/kernels/convolution-shape.ts';
import { expectClose, expectSameBits } from '../compare.ts';
import { onEveryBackend } from './backends.ts';
import { shapes } from './convolution-shapes.ts';
import {
  type ConvWeightGradientInputs,
  errorOf,
  generator,
  normals,
  runConvWeightGradient,
  withArrays,
} from './inputs.ts';

function inputsOf(shape: ConvolutionShape, seed: number): ConvWeightGradientInputs {
  const random = generator(seed);
  const { batch, channels, height, width, filters, outHeight, outWidth } = shape;
  const x = normals(batch * channels * height * width, random);
  return { ...shape, x, dy: normals(batch * filters * outHeight * outWidth, random) };
}

const SHAPE: ConvolutionShape = {
  ...{ batch: 2, channels: 4, height: 5, width: 6, filters: 6, outHeight: 3, outWidth: 3, groups: 2 },
  ...{ kernel: [3, 2], strides: [2, 2], pads: [1, 1, 1, 0], dilations: [1, 2] },
};

onEveryBackend(({ kernels, accuracy, fewer }) => {
  describe('convWeightGradient', () => {
    it('of any shape agrees with float64', () =>
      fc.assert(
        fc.asyncProperty(shapes, fc.integer(), async (shape, seed) => {
          const inputs = inputsOf(shape, seed);
          const want = convWeightGradientReference(inputs.x, inputs.dy, shape, accuracy);
          expectClose('gradient', await runConvWeightGradient(kernels, inputs), want.exact, want.bound);
        }),
        { numRuns: 200 / fewer },
      ));

    it('a filter has the same bits whatever filters are beside it', async () => {
      const shape: ConvolutionShape = { ...SHAPE, groups: 1, filters: 21 };
      const inputs = inputsOf(shape, 1);
      const all = await runConvWeightGradient(kernels, inputs);
      const [plane, columns] = [9, 4 * 6];
      const images = [0, 1].map((n) => inputs.dy.subarray(21 * n * plane, 21 * (n + 1) * plane));
      for (const [first, end] of [
        [0, 5],
        [5, 21],
      ] as const) {
        const parts = images.flatMap((image) => [...image.subarray(first * plane, end * plane)]);
        const some = { ...inputs, filters: end - first, dy: Float32Array.from(parts) };
        const got = await runConvWeightGradient(kernels, some);
        expectSameBits('gradient', got, all.subarray(first * columns, end * columns));
      }
    });

    describe('refuses', () => {
      it.each<[string, string, Partial<ConvWeightGradientArguments>, RegExp]>([
        ['no images', 'shape-mismatch', { batch: 0 }, /batch is 0, but must be a whole number in \[1,/],
        ['half a filter', 'shape-mismatch', { filters: 1.5 }, /filters is 1\.5/],
        ['a kernel of one number', 'shape-mismatch', { kernel: [3] as never }, /length of kernel is 1/],
        ['a stride of 0', 'shape-mismatch', { strides: [1, 0] }, /strides\[1\] is 0/],
        ['pads below 0', 'shape-mismatch', { pads: [0, -1, 0, 0] }, /pads\[1\] is -1/],
        ['two pads', 'shape-mismatch', { pads: [1, 1] as never }, /length of pads is 2/],
        ['a dilation of 0', 'shape-mismatch', { dilations: [0, 1] }, /dilations\[0\] is 0/],
        [
          'channels in other groups',
          'shape-mismatch',
          { groups: 3 },
          /channels is 4, .* multiple of groups, 3/,
        ],
        [
          'filters in other groups',
          'shape-mismatch',
          { groups: 4 },
          /filters is 6, .* multiple of groups, 4/,
        ],
        ['another height', 'shape-mismatch', { outHeight: 4 }, /outHeight is 4, but a height of 5 makes 3/],
        ['another width', 'shape-mismatch', { outWidth: 2 }, /outWidth is 2, but a width of 6 makes 3/],
        ['pads without end', 'shape-mismatch', { pads: [2 ** 31 - 1, 0, 0, 0] }, /height with its pads/],
        ['a kernel beyond the image', 'shape-mismatch', { kernel: [9, 2] }, /makes 0 with/],
        ['a shorter x', 'shape-mismatch', { batch: 1 }, /x has 240 elements, but \[4, 30\] needs 120/],
        ['another gradient', 'shape-mismatch', { groups: 1 }, /gradient has 72 .*\[6, 24\] needs 144/],
        ['no add', 'usage', { add: undefined as never }, /add must be true or false/],
        ['another tile', 'usage', { tile: '1x1' as never }, /tile/],
      ])('%s', (_, code, wrong, message) =>
        withArrays(kernels, async (put) => {
          const { x, dy } = inputsOf(SHAPE, 2);
          const gradient = put(new Float32Array(72).fill(7));
          const args = { ...SHAPE, x: put(x), dy: put(dy), gradient, add: false };
          const error = errorOf(() => kernels.convWeightGradient({ ...args, ...wrong }));
          expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
          expect(new Set(await kernels.read(gradient))).toEqual(new Set([7]));
        }),
      );

      it('a gradient in the place of its inputs', () =>
        withArrays(kernels, (put) => {
          const one = { ...SHAPE, batch: 1, channels: 1, height: 1, width: 1, filters: 1, groups: 1 };
          const shape = { ...one, outHeight: 1, outWidth: 1, kernel: [1, 1], pads: [0, 0, 0, 0] } as const;
          const [x, dy] = [put([1]), put([1])];
          for (const gradient of [x, dy]) {
            const error = errorOf(() =>
              kernels.convWeightGradient({ ...shape, x, dy, gradient, add: false }),
            );
            expect(error).toMatchObject({
              code: 'usage',
              message: expect.stringContaining('give it its own'),
            });
          }
        }));

      // A GPU makes no copy with padding.
      if (accuracy.backend === 'wasm')
        it('padding that no memory holds', () =>
          withArrays(kernels, async (put) => {
            const far = 2 ** 20;
            const shape: ConvolutionShape = {
              ...{
                batch: 1,
                channels: 1,
                height: 1,
                width: 1,
                filters: 1,
                outHeight: 1,
                outWidth: 1,
                groups: 1,
              },
              ...{ kernel: [2, 2], strides: [1, 1], pads: [0, 0, far, far], dilations: [far, far] },
            };
            const gradient = put([7, 7, 7, 7]);
            const arrays = { x: put([1]), dy: put([1]), gradient };
            const error = errorOf(() => kernels.convWeightGradient({ ...shape, ...arrays, add: false }));
            expect(error).toMatchObject({
              code: 'out-of-memory',
              message: expect.stringContaining(
                'the scratch of convWeightGradient for 1 filters of 4 weights',
              ),
            });
            expect([...(await kernels.read(gradient))]).toEqual([7, 7, 7, 7]);
          }));
    });
  });
});
