import { describe, expect, it } from 'vitest';
import { larsStep } from '../../src/conformance/references/lars.ts';
import type { LarsArguments, LarsOptions } from '../../src/kernels/lars.ts';
import { expectClose, expectSameBits } from '../compare.ts';
import { onEveryBackend } from './backends.ts';
import { errorOf, generator, LENGTHS, normals, withArrays } from './inputs.ts';

onEveryBackend(({ kernels, accuracy }) => {
  const options: LarsOptions = {
    ...{ learningRate: 0.3, momentum: 0.9, weightDecay: 1e-2 },
    ...{ trust: 0.01, rateInMomentum: true },
  };

  const forms = [
    ['rate in the momentum', options],
    ['rate outside', { ...options, rateInMomentum: false }],
    ['no trust ratio', { ...options, trust: null }],
  ] as const;
  describe.each(forms)('%s', (_, form) => {
    it.each([...LENGTHS, 5000])('length %i: four steps with the bits of float32, near float64', (length) =>
      withArrays(kernels, async (put) => {
        const random = generator(length + 3);
        let [wantP, wantB]: [Float32Array, Float32Array] = [
          normals(length, random),
          new Float32Array(length),
        ];
        const [p, b, gate] = [put(wantP), put(wantB), put([1])];
        for (let step = 0; step < 4; step++) {
          const given = { ...form, learningRate: step < 2 ? 0.3 : 0.03 };
          const g = normals(length, random, 1e-3);
          kernels.lars({ parameters: [p], gradients: [put(g)], buffers: [b], ...given, gate });
          const want = larsStep(wantP, g, wantB, given, accuracy);
          [wantP, wantB] = [await kernels.read(p), await kernels.read(b)];
          if (length === 0) continue;
          expectClose(`buffer, step ${step}`, wantB, want.buffer.exact, want.buffer.bound);
          expectClose(`parameter, step ${step}`, wantP, want.parameter.exact, want.parameter.bound);
          if (!accuracy.exact) continue;
          expectSameBits(`buffer, step ${step}`, wantB, want.buffer.bits);
          expectSameBits(`parameter, step ${step}`, wantP, want.parameter.bits);
        }
      }),
    );
  });

  it('the length of a step is trust times that of its tensor, whatever the gradient', () =>
    withArrays(kernels, async (put) => {
      const start = normals(1000, generator(1));
      for (const size of [1e-20, 1e-3, 1e12]) {
        const [p, g, b] = [put(start), put(normals(1000, generator(2), size)), put(new Float32Array(1000))];
        const form = { ...options, learningRate: 1, weightDecay: 0 };
        kernels.lars({ parameters: [p], gradients: [g], buffers: [b], ...form, gate: put([1]) });
        const length = (values: Float32Array) => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
        expect(length(await kernels.read(b)) / length(start)).toBeCloseTo(0.01, 6);
      }
    }));

  it('a triple sees what triples before it wrote', () =>
    withArrays(kernels, async (put) => {
      const [p, g] = [normals(70, generator(1)), normals(70, generator(2))];
      const run = async (
        calls: (arrays: Pick<LarsArguments, 'parameters' | 'gradients' | 'buffers'>) => void,
      ) => {
        const [parameter, buffer, gradient] = [put(p), put(new Float32Array(70)), put(g)];
        calls({
          parameters: [parameter, parameter],
          gradients: [gradient, gradient],
          buffers: [buffer, buffer],
        });
        return kernels.read(parameter);
      };
      const gate = put([1]);
      const together = await run((arrays) => kernels.lars({ ...arrays, ...options, gate }));
      const apart = await run(({ parameters: [a], gradients: [b], buffers: [c] }) => {
        for (let i = 0; i < 2; i++) {
          kernels.lars({ parameters: [a!], gradients: [b!], buffers: [c!], ...options, gate });
        }
      });
      expectSameBits('parameter', together, apart);
    }));

  describe('refuses', () => {
    it.each<[string, Partial<LarsArguments>, RegExp]>([
      ['a negative rate', { learningRate: -1 }, /learningRate is -1, but must be at least 0/],
      ['infinite decay', { weightDecay: Number.POSITIVE_INFINITY }, /weightDecay is Infinity/],
      ['no trust', { trust: 0 }, /trust is 0, but must be greater than 0, or null/],
      ['trust of NaN', { trust: Number.NaN }, /trust is NaN/],
      ['lists of other lengths', { buffers: [] }, /buffers come in lists of different lengths: 1, 1, 0/],
    ])('%s', (_, wrong, message) =>
      withArrays(kernels, async (put) => {
        const [p, g, b, gate] = [put([1]), put([1]), put([0]), put([1])];
        const given = { parameters: [p], gradients: [g], buffers: [b], ...options, gate };
        expect(errorOf(() => kernels.lars({ ...given, ...wrong })).message).toMatch(message);
        expect(await kernels.read(p)).toEqual(Float32Array.of(1));
      }),
    );
  });
});
