import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  batchStatistics,
  meanOf,
  normalized,
  valuesOf,
} from '../../src/conformance/references/batch-norm.ts';
import { batchNormGradients } from '../../src/conformance/references/batch-norm-backward.ts';
import type { BatchNormArguments, BatchNormShape } from '../../src/kernels/batch-norm.ts';
import { expectClose, expectSameBits } from '../compare.ts';
import { onEveryBackend } from './backends.ts';
import {
  type BatchNormInputs,
  errorOf,
  generator,
  normals,
  runBatchNorm,
  runBatchNormBackward,
  withArrays,
} from './inputs.ts';

const shapes = fc.record({
  batch: fc.integer({ min: 1, max: 9 }),
  channels: fc.integer({ min: 1, max: 9 }),
  space: fc.integer({ min: 1, max: 70 }),
  epsilon: fc.constantFrom(1e-5, 1e-3),
});

function inputsOf(shape: BatchNormShape, seed: number): BatchNormInputs & { dy: Float32Array } {
  const random = generator(seed);
  const values = shape.batch * shape.channels * shape.space;
  const [x, dy] = [normals(values, random).map((value) => 3 + value), normals(values, random)];
  return { ...shape, x, dy, gamma: normals(shape.channels, random), beta: normals(shape.channels, random) };
}

/** A channel and a value of it, of images of one channel: a mean of 0 and a variance of ¼. */
const SMALL = { batch: 2, channels: 1, space: 2, epsilon: 0.75 };
const X = Float32Array.of(0.5, -0.5, -0.5, 0.5);

onEveryBackend(({ kernels, accuracy, fewer }) => {
  describe('batchNorm', () => {
    it('of any shape agrees with float64, and so does its gradient', () =>
      fc.assert(
        fc.asyncProperty(shapes, fc.integer(), async (shape, seed) => {
          const { dy, ...inputs } = inputsOf(shape, seed);
          const { y, ...found } = await runBatchNorm(kernels, inputs);
          for (let c = 0; c < shape.channels; c++) {
            const values = valuesOf(inputs.x, shape, c);
            const want = batchStatistics(values, shape.space, found.mean[c]!, accuracy);
            for (const name of ['mean', 'variance', 'residual'] as const) {
              expectClose(name, [found[name][c]!], [want[name].value], want[name].bound);
            }
          }
          const numbers = { ...found, gamma: inputs.gamma, beta: inputs.beta };
          const want = normalized(inputs.x, numbers, shape, accuracy);
          expectClose('y', y, want.exact, want.bound);
          const got = await runBatchNormBackward(kernels, { ...inputs, ...found, dy });
          const gradients = batchNormGradients(dy, inputs.x, numbers, shape, accuracy);
          for (const name of ['dx', 'dGamma', 'dBeta'] as const) {
            expectClose(name, got[name], gradients[name].exact, gradients[name].bound);
          }
        }),
        { numRuns: 100 / fewer },
      ));

    it('gives numbers that can be checked by hand', async () => {
      const [gamma, beta] = [Float32Array.of(2), Float32Array.of(10)];
      const { y, ...found } = await runBatchNorm(kernels, { ...SMALL, x: X, gamma, beta });
      expect([[...found.mean], [...found.variance], [...found.residual]]).toEqual([[0], [0.25], [0]]);
      expectClose('y', y, [11, 9, 9, 11], 4e-6);
      // Of a deviation of 1: dBeta = Σdy = 2, dGamma = Σdy·x = 1, dx = 2·(dy − ½ − x/4).
      const dy = Float32Array.of(2, 0, 0, 0);
      const got = await runBatchNormBackward(kernels, { ...SMALL, ...found, x: X, gamma, dy });
      expectClose('dBeta', got.dBeta, [2], 0);
      expectClose('dGamma', got.dGamma, [1], 1e-6);
      expectClose('dx', got.dx, [2.75, -0.75, -0.75, -1.25], 4e-6);
    });

    it('has the gradient that finite differences of float64 have', async () => {
      const shape = { batch: 3, channels: 2, space: 3, epsilon: 1e-2 };
      const { dy, ...inputs } = inputsOf(shape, 5);
      const loss = (x: Float64Array): number =>
        [0, 1].reduce((sum, c) => {
          const of = (values: ArrayLike<number>) =>
            Float64Array.from({ length: 9 }, (_, i) => values[(Math.floor(i / 3) * 2 + c) * 3 + (i % 3)]!);
          const values = of(x);
          const mean = meanOf(values);
          const deviation = Math.sqrt(meanOf(values.map((value) => (value - mean) ** 2)) + shape.epsilon);
          const weights = of(dy);
          return (
            sum + values.reduce((s, v, i) => s + (weights[i]! * inputs.gamma[c]! * (v - mean)) / deviation, 0)
          );
        }, 0);
      const x = Float64Array.from(inputs.x);
      const h = 1e-5;
      const want = x.map((_, at) => {
        const moved = (by: number) => loss(x.map((value, i) => (i === at ? value + by : value)));
        return (moved(h) - moved(-h)) / (2 * h);
      });
      const { y: _, ...found } = await runBatchNorm(kernels, inputs);
      const { dx } = await runBatchNormBackward(kernels, { ...inputs, ...found, dy });
      // Off by h² of the third derivative, by rounding over h, and by a few roundings of float32 of values of about 1.
      expectClose('dx', dx, want, accuracy.exact ? 3e-6 : 1e-5);
    });

    it.each([13, 1])(
      'a channel of %i values an image has the same bits whatever channels are beside it',
      async (space) => {
        const shape = { batch: 5, channels: 9, space, epsilon: 1e-5 };
        const { dy, ...inputs } = inputsOf(shape, space);
        const all = await runBatchNorm(kernels, inputs);
        const gradients = await runBatchNormBackward(kernels, { ...inputs, ...all, dy });
        for (const c of [0, 5, 8]) {
          const images = (values: Float32Array) => Float32Array.from(valuesOf(values, shape, c));
          const own = (values: Float32Array) => values.slice(c, c + 1);
          const alone = {
            ...shape,
            channels: 1,
            x: images(inputs.x),
            gamma: own(inputs.gamma),
            beta: own(inputs.beta),
          };
          const { y, ...found } = await runBatchNorm(kernels, alone);
          expectSameBits('y', y, images(all.y));
          for (const name of ['mean', 'variance', 'residual'] as const) {
            expectSameBits(name, found[name], own(all[name]));
          }
          const got = await runBatchNormBackward(kernels, { ...alone, ...found, dy: images(dy) });
          expectSameBits('dx', got.dx, images(gradients.dx));
          for (const name of ['dGamma', 'dBeta'] as const)
            expectSameBits(name, got[name], own(gradients[name]));
        }
      },
    );

    it.each<[string, string, Partial<BatchNormArguments>, RegExp]>([
      ['no images', 'shape-mismatch', { batch: 0 }, /batch is 0, but must be a whole number in \[1/],
      ['another space', 'shape-mismatch', { space: 3 }, /x has 4 elements, but \[2, 3\] needs 6/],
      [
        'more channels',
        'shape-mismatch',
        { channels: 2, space: 1 },
        /gamma has 1 elements, but \[2\] needs 2/,
      ],
      ['an epsilon below 0', 'usage', { epsilon: -1 }, /epsilon is -1, but must be at least 0/],
      [
        'other statistics',
        'usage',
        { statistics: 'running' as 'batch' },
        /batchNorm: statistics is 'running'/,
      ],
    ])('refuses %s', (_, code, wrong, message) =>
      withArrays(kernels, async (put) => {
        const one = () => put([7]);
        const y = put([7, 7, 7, 7]);
        const arrays = {
          x: put(X),
          gamma: one(),
          beta: one(),
          y,
          mean: one(),
          variance: one(),
          residual: one(),
        };
        const args = { ...SMALL, ...arrays, statistics: 'batch' } as const;
        const error = errorOf(() => kernels.batchNorm({ ...args, ...wrong }));
        expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
        expect(new Set(await kernels.read(y))).toEqual(new Set([7]));
      }),
    );

    it('refuses results in the place of each other, or of what they are computed from', () =>
      withArrays(kernels, (put) => {
        const array = () => put([1]);
        const one = { batch: 1, channels: 1, space: 1, epsilon: 1 };
        const found = { mean: array(), variance: array(), residual: array() };
        const forward = { ...one, ...found, x: array(), gamma: array(), beta: array(), y: array() };
        const own = /is an array that it is computed from, or another result: give it its own/;
        const refused = { code: 'usage', message: expect.stringMatching(own) };
        const { x, gamma, beta, residual } = forward;
        for (const wrong of [{ y: x }, { mean: x }, { variance: found.mean }, { residual: beta }]) {
          const error = errorOf(() => kernels.batchNorm({ ...forward, ...wrong, statistics: 'batch' }));
          expect(error).toMatchObject(refused);
        }
        for (const y of [x, residual]) {
          const error = errorOf(() => kernels.batchNorm({ ...forward, y, statistics: 'given' }));
          expect(error).toMatchObject(refused);
        }
        const results = { dx: array(), dGamma: array(), dBeta: array() };
        const backward = { ...one, ...found, ...results, dy: array(), x, gamma };
        for (const wrong of [{ dx: backward.dy }, { dx: x }, { dGamma: gamma }, { dBeta: results.dGamma }]) {
          expect(errorOf(() => kernels.batchNormBackward({ ...backward, ...wrong }))).toMatchObject(refused);
        }
      }));
  });
});
