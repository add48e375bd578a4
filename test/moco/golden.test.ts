import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GoldenContext } from '../../src/golden/case.ts';
import { createContext } from '../../src/golden/context.ts';
import { trainingFamily } from '../../src/golden/training.ts';
import { CARRIED, FULL, gradeCase, readCases } from '../golden.ts';

// Whole MoCo steps as PyTorch takes them in float64: losses, keys, gradients and the whole state after each step.
const run = trainingFamily.runners!.resnet_moco!;
let context: GoldenContext;
beforeAll(async () => {
  context = await createContext('wasm');
});
afterAll(() => context.kernels.dispose());

if (FULL === null)
  console.warn('golden training cases (full): NOT RUN, there is no ../shared/data/golden here');
for (const [set, folder, least] of [
  ['carried', CARRIED, 1],
  ['full', FULL, 4],
] as const) {
  const name = folder === null ? `golden training (${set}): NOT RUN, no data` : `golden training (${set})`;
  describe.skipIf(folder === null)(name, () => {
    const cases = folder === null ? [] : readCases(folder, ['resnet_moco']);
    it('are there', () => expect(cases.length).toBeGreaterThanOrEqual(least));
    it.each(cases.map((entry) => [entry.name, entry] as const))('%s', async (name, entry) => {
      const before = context.kernels.liveArrays;
      const worst = gradeCase(entry, await run(entry, context));
      console.log(`${name}: worst error ${worst.toFixed(3)} of tolerance`);
      expect(worst).toBeLessThanOrEqual(1);
      expect(context.kernels.liveArrays, 'arrays left behind').toBe(before);
    });
  });
}
