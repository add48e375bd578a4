import { expect, it } from 'vitest';
import { sgdStep } from '../../src/conformance/references/sgd.ts';
import type { SgdOptions } from '../../src/kernels/sgd.ts';
import { expectClose, expectSameBits } from '../compare.ts';
import { onEveryBackend } from './backends.ts';
import { generator, LENGTHS, normals, withArrays } from './inputs.ts';

onEveryBackend(({ kernels, accuracy }) => {
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
          if (!accuracy.exact) continue;
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
