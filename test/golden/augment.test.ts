import { describe, expect, test } from 'vitest';
import { augmentFamily } from '../../src/golden/augment.ts';
import type { GoldenContext } from '../../src/golden/case.ts';
import { CARRIED, gradeCase, readCases } from '../golden.ts';

const context = { backend: 'wasm' } as GoldenContext; // these cases use no kernels

describe.each(readCases(CARRIED, ['augment']))('$name', (recorded) => {
  const computed = augmentFamily.runners!.augment!(recorded, context);
  test.each([...recorded.expected])('%s', async (name, { tensor, atol, rtol }) => {
    // Pillow's numbers exactly, blur and chains included, although two levels would be tolerated there.
    const tolerance = tensor.dtype === 'U8' ? { atol: 0, rtol: 0 } : { atol, rtol };
    const one = { ...recorded, expected: new Map([[name, { tensor, ...tolerance }]]) };
    expect(gradeCase(one, await computed)).toBeLessThanOrEqual(1);
  });
});

test('RandomResizedCrop draws have the recorded statistics', async () => {
  const [crops] = readCases(CARRIED, ['rrc_stats']);
  const worst = await augmentFamily.graders!.rrc_stats!(crops!, context);
  console.log(`rrc_stats: worst difference ${worst.toFixed(2)} of what is tolerated`);
  expect(worst).toBeLessThanOrEqual(1);
});
