import { expect, it } from 'vitest';
import { contextOf } from '../../src/golden/context.ts';
import { operatorFamily } from '../../src/golden/operators.ts';
import { TEST_BACKEND } from '../backend.ts';
import { CARRIED, describeRecorded, FULL, gradeCase, readCases } from '../golden.ts';
import { onEveryBackend } from '../kernels/backends.ts';

// What PyTorch's autograd gave, in float64, for single operators and residual blocks.
const runners = new Map(Object.entries(operatorFamily.runners ?? {}));

onEveryBackend(({ kernels, fewer }) => {
  for (const [set, folder, least] of [
    ['carried', CARRIED, 13],
    ['full', FULL, 23],
  ] as const) {
    // The full set takes a minute on a software GPU; `golden --backend webgpu` computes it too.
    if (set === 'full' && fewer > 1) continue;
    describeRecorded(`golden operators (${set})`, folder, (recorded) => {
      const cases = readCases(recorded, [...runners.keys()]);
      it('are there', () => expect(cases.length).toBeGreaterThanOrEqual(least));
      it.each(cases.map((entry) => [entry.name, entry] as const))('%s', async (name, entry) => {
        const run = runners.get(name.split('_')[0]!)!;
        const worst = gradeCase(entry, await run(entry, contextOf(kernels, TEST_BACKEND)));
        if (process.env.MOCO_SHOW) console.log(`${name}: worst error ${worst.toFixed(3)} of tolerance`);
        expect(worst).toBeLessThanOrEqual(1);
      });
    });
  }
});
