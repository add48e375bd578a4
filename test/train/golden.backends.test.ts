import { expect, it } from 'vitest';
import { contextOf } from '../../src/golden/context.ts';
import { trainingFamily } from '../../src/golden/training-cases.ts';
import { TEST_BACKEND } from '../backend.ts';
import { CARRIED, describeRecorded, FULL, gradeCase, readCases } from '../golden.ts';
import { onEveryBackend } from '../kernels/backends.ts';

// Whole MoCo steps as PyTorch takes them in float64: losses, keys, gradients and the whole state after each step.
const run = trainingFamily.runners!.resnet_moco!;

onEveryBackend(({ kernels, fewer }) => {
  for (const [set, folder, least] of [
    ['carried', CARRIED, 1],
    ['full', FULL, 4],
  ] as const) {
    // Too slow for a software GPU; `golden --backend webgpu` computes it too.
    if (set === 'full' && fewer > 1) continue;
    describeRecorded(`golden training (${set})`, folder, (recorded) => {
      const cases = readCases(recorded, ['resnet_moco']);
      it('are there', () => expect(cases.length).toBeGreaterThanOrEqual(least));
      it.each(cases.map((entry) => [entry.name, entry] as const))('%s', async (name, entry) => {
        const before = kernels.liveArrays;
        const worst = gradeCase(entry, await run(entry, contextOf(kernels, TEST_BACKEND)));
        console.log(`${name}: worst error ${worst.toFixed(3)} of tolerance`);
        expect(worst).toBeLessThanOrEqual(1);
        expect(kernels.liveArrays, 'arrays left behind').toBe(before);
      });
    });
  }
});
