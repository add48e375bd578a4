import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { convInputGradientReference } from '../../src/conformance/references/conv-input-gradient.ts';
import type { ConvInputGradientArguments } from '../../src/kernels/conv-input-gradient.ts';
import { type ConvolutionShape, matrixOf } from '../../src/kernels/convolution-shape.ts';
import { expectClose, expectSameBits } from '../compare.ts';
import { onEveryBackend } from './backends.ts';
import { shapes } from './convolution-shapes.ts';
import {
  type ConvInputGradientInputs,
  errorOf,
  generator,
  normals,
  runConvInputGradient,
  withArrays,
} from './inputs.ts';

function inputsOf(shape: ConvolutionShape, seed: number): ConvInputGradientInputs {
  const random = generator(seed);
  const { batch, filters, outHeight, outWidth } = shape;
  const dy = normals(batch * filters * outHeight * outWidth, random);
  return { ...shape, dy, weight: normals(filters * matrixOf(shape).columns, random) };
}

const SHAPE: ConvolutionShape = {
  ...{ batch: 3, channels: 4, height: 5, width: 6, filters: 6, outHeight: 3, outWidth: 3, groups: 2 },
  ...{ kernel: [3, 2], strides: [2, 2], pads: [1, 1, 1, 0], dilations: [1, 2] },
};

onEveryBackend(({ kernels, accuracy, fewer }) => {
  describe('convInputGradient', () => {
    it('of any shape agrees with float64', () =>
      fc.assert(
        fc.asyncProperty(shapes, fc.integer(), async (shape, seed) => {
          const inputs = inputsOf(shape, seed);
          const want = convInputGradientReference(inputs.dy, inputs.weight, shape, accuracy);
          expectClose('dx', await runConvInputGradient(kernels, inputs), want.exact, want.bound);
        }),
        { numRuns: 100 / fewer },
      ));

    it('an image has the same bits whatever images are beside it', async () => {
      const inputs = inputsOf(SHAPE, 1);
      const all = await runConvInputGradient(kernels, inputs);
      const dy = inputs.dy.subarray(54, 108);
      const got = await runConvInputGradient(kernels, { ...inputs, batch: 1, dy });
      expectSameBits('dx', got, all.subarray(120, 240));
    });

    it.each<[string, string, Partial<ConvInputGradientArguments>, RegExp]>([
      ['another height', 'shape-mismatch', { outHeight: 4 }, /outHeight is 4, but a height of 5 makes 3/],
      ['a shorter dy', 'shape-mismatch', { batch: 1 }, /dy has 162 elements, but \[6, 9\] needs 54/],
      ['another weight', 'shape-mismatch', { groups: 1 }, /weight has 72 .*\[6, 24\] needs 144/],
    ])('refuses %s', (_, code, wrong, message) =>
      withArrays(kernels, async (put) => {
        const { dy, weight } = inputsOf(SHAPE, 2);
        const dx = put(new Float32Array(360).fill(7));
        const args = { ...SHAPE, dy: put(dy), weight: put(weight), dx };
        const error = errorOf(() => kernels.convInputGradient({ ...args, ...wrong }));
        expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
        expect(new Set(await kernels.read(dx))).toEqual(new Set([7]));
      }),
    );

    it('refuses dx of another length, and in the place of its inputs', () =>
      withArrays(kernels, (put) => {
        const one = { ...SHAPE, batch: 1, channels: 1, height: 1, width: 1, filters: 1, groups: 1 };
        const shape = { ...one, outHeight: 1, outWidth: 1, kernel: [1, 1], pads: [0, 0, 0, 0] } as const;
        const [dy, weight] = [put([1]), put([1])];
        for (const dx of [dy, weight]) {
          const error = errorOf(() => kernels.convInputGradient({ ...shape, dy, weight, dx }));
          expect(error).toMatchObject({ code: 'usage', message: expect.stringContaining('give it its own') });
        }
        const error = errorOf(() => kernels.convInputGradient({ ...shape, dy, weight, dx: put([1, 2]) }));
        expect(error).toMatchObject({ message: expect.stringContaining('dx has 2 elements') });
      }));
  });
});
