import { describe, expect, it } from 'vitest';
import { adamwStep } from '../../src/conformance/references/adamw.ts';
import type { AdamwArguments, AdamwOptions } from '../../src/kernels/adamw.ts';
import { expectClose, expectSameBits } from '../compare.ts';
import { onEveryBackend } from './backends.ts';
import { errorOf, generator, LENGTHS, normals, withArrays } from './inputs.ts';

onEveryBackend(({ kernels, accuracy }) => {
  const options: AdamwOptions = {
    ...{ learningRate: 0.01, weightDecay: 0.05, beta1: 0.9, beta2: 0.999 },
    ...{ epsilon: 1e-8, step: 1 },
  };

  it.each(LENGTHS)('length %i: five steps with the bits of float32, near float64', (length) =>
    withArrays(kernels, async (put) => {
      const random = generator(length + 3);
      const zero = new Float32Array(length);
      let now: Record<'parameter' | 'mean' | 'square', Float32Array> = {
        parameter: normals(length, random),
        mean: zero,
        square: zero,
      };
      const [parameter, mean, square, gate] = [put(now.parameter), put(zero), put(zero), put([1])];
      for (let step = 1; step <= 5; step++) {
        const given = { ...options, step, learningRate: step < 4 ? 0.01 : 0.001 };
        const gradient = normals(length, random);
        const gradients = [put(gradient)];
        kernels.adamw({
          parameters: [parameter],
          gradients,
          means: [mean],
          squares: [square],
          ...given,
          gate,
        });
        const want = adamwStep({ ...now, gradient }, given, accuracy);
        now = {
          parameter: await kernels.read(parameter),
          mean: await kernels.read(mean),
          square: await kernels.read(square),
        };
        if (length === 0) continue;
        for (const name of ['parameter', 'mean', 'square'] as const) {
          expectClose(`${name}, step ${step}`, now[name], want[name].exact, want[name].bound);
          if (accuracy.exact) expectSameBits(`${name}, step ${step}`, now[name], want[name].bits);
        }
      }
    }),
  );

  describe('refuses', () => {
    it.each<[string, Partial<AdamwArguments>, RegExp]>([
      ['a negative rate', { learningRate: -1 }, /learningRate is -1, but must be at least 0/],
      ['decay of NaN', { weightDecay: Number.NaN }, /weightDecay is NaN/],
      ['β₁ of 1', { beta1: 1 }, /beta1 is 1, but must be from 0 to below 1/],
      ['a negative β₂', { beta2: -0.1 }, /beta2 is -0.1/],
      ['no ε', { epsilon: 0 }, /epsilon is 0, but must be at least 1e-30/],
      ['step 0', { step: 0 }, /step is 0, but must be a whole number in \[1,/],
      ['half a step', { step: 1.5 }, /step is 1.5/],
      ['lists of other lengths', { squares: [] }, /squares come in lists of different lengths: 1, 1, 1, 0/],
    ])('%s', (_, wrong, message) =>
      withArrays(kernels, async (put) => {
        const [p, g, m, v, gate] = [put([1]), put([1]), put([0]), put([0]), put([1])];
        const given = { parameters: [p], gradients: [g], means: [m], squares: [v], ...options, gate };
        expect(errorOf(() => kernels.adamw({ ...given, ...wrong })).message).toMatch(message);
        expect(await kernels.read(p)).toEqual(Float32Array.of(1));
      }),
    );
  });
});
