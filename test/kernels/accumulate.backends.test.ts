import { it } from 'vitest';
import { accumulated } from '../../src/conformance/references/accumulate.ts';
import { expectSameBits } from '../compare.ts';
import { onEveryBackend } from './backends.ts';
import { generator, LENGTHS, normals, withArrays } from './inputs.ts';

onEveryBackend(({ kernels }) => {
  it.each(LENGTHS)('length %i: the bits of float32 addition', (length) =>
    withArrays(kernels, async (put) => {
      const random = generator(length + 2);
      const sum = normals(length, random);
      const x = normals(length, random);
      const target = put(sum);
      kernels.accumulate({ sums: [target], xs: [put(x)] });
      expectSameBits('sum', await kernels.read(target), accumulated(sum, x));
    }),
  );
});
