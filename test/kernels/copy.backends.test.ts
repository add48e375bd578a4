import { expect, it } from 'vitest';
import { expectSameBits } from '../compare.ts';
import { onEveryBackend } from './backends.ts';
import { generator, LENGTHS, normals, withArrays } from './inputs.ts';

onEveryBackend(({ kernels }) => {
  it.each(LENGTHS)(
    'length %i: every bit, with an open gate and with none; nothing with a closed one',
    (length) =>
      withArrays(kernels, async (put) => {
        const [before, source] = [normals(length, generator(1)), normals(length, generator(2))];
        source.set([-0, Number.NaN, 2 ** -149, Number.NEGATIVE_INFINITY].slice(0, length));
        const from = put(source);
        for (const gate of [undefined, put([1]), put([0])]) {
          const target = put(before);
          kernels.copy({ targets: [target], sources: [from], gate });
          const closed = gate && (await kernels.read(gate))[0] === 0;
          expectSameBits('target', await kernels.read(target), closed ? before : source);
        }
      }),
  );

  it('an array onto itself stays as it is', () =>
    withArrays(kernels, async (put) => {
      const array = put([1, 2, 3]);
      for (const gate of [undefined, put([1]), put([0])])
        kernels.copy({ targets: [array], sources: [array], gate });
      expect([...(await kernels.read(array))]).toEqual([1, 2, 3]);
    }));
});
