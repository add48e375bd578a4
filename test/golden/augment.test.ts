import { describe, expect, test } from 'vitest';
import { augmentFamily } from '../../src/golden/augment.ts';
import type { GoldenContext } from '../../src/golden/case.ts';
import { readCases } from '../golden-reader.ts';

const GOLDEN = new URL('../data/golden/', import.meta.url);
const context = { backend: 'wasm' } as GoldenContext; // these cases use no kernels

describe.each(readCases(GOLDEN, 'manifest-augment.json', 'augment'))(
  '$goldenCase.name',
  ({ goldenCase, recorded, tensors, rtol }) => {
    const computed = augmentFamily.runners!.augment!(goldenCase, context);
    test.each([...goldenCase.outputs.keys()])('%s', async (name) => {
      const actual = (await computed).get(name)!;
      const expected = recorded.get(name)!;
      expect(actual.shape).toEqual(expected.shape);
      // Pillow's numbers exactly, blur and chains included, although two levels would be tolerated there.
      const atol = actual.dtype === 'U8' ? 0 : tensors[name]!.atol!;
      let worst = 0;
      for (let i = 0; i < expected.data.length; i++) {
        const difference = Math.abs(Number(actual.data[i]) - Number(expected.data[i]));
        worst = Math.max(worst, difference - rtol * Math.abs(Number(expected.data[i])));
      }
      expect(worst).toBeLessThanOrEqual(atol);
    });
  },
);

test('RandomResizedCrop draws have the recorded statistics', async () => {
  const [crops] = readCases(GOLDEN, 'manifest-augment.json', 'rrc_stats');
  const worst = await augmentFamily.graders!.rrc_stats!(crops!.goldenCase, context);
  console.log(`rrc_stats: worst difference ${worst.toFixed(2)} of what is tolerated`);
  expect(worst).toBeLessThanOrEqual(1);
});
