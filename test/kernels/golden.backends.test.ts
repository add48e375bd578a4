import { expect, it } from 'vitest';
import type { CaseRunner } from '../../src/golden/case.ts';
import { contextOf } from '../../src/golden/context.ts';
import { evaluationFamily } from '../../src/golden/evaluation.ts';
import { kernelFamily } from '../../src/golden/kernels.ts';
import { optimizerFamily } from '../../src/golden/optimizers.ts';
import { CARRIED, describeRecorded, FULL, FULL_METHOD, gradeCase, readCases } from '../golden.ts';
import { onEveryBackend } from './backends.ts';

const runners = new Map<string, CaseRunner>(
  Object.entries({
    ...kernelFamily.runners,
    ...optimizerFamily.runners,
    ...evaluationFamily.runners,
  }),
);

// The largest queue takes 10 s on a software GPU; `golden --backend webgpu` computes it too.
const isLarge = (name: string): boolean => name.includes('k65536');
const NAMES = ['infonce', 'ntxent', 'queue', 'ema', 'sgd', 'lars', 'knn', 'lincls', 'metrics'];
onEveryBackend(({ kernels, fewer }) => {
  for (const [set, folder, least] of [
    ['carried', CARRIED, 13],
    ['full', FULL, 13],
    ['methods', FULL_METHOD, 8],
  ] as const) {
    describeRecorded(`golden kernels (${set})`, folder, (recorded) => {
      const cases = readCases(recorded, NAMES).filter(({ name }) => fewer === 1 || !isLarge(name));
      it('are there', () =>
        expect(cases.length).toBeGreaterThanOrEqual(fewer > 1 && set === 'full' ? least - 1 : least));
      it.each(cases.map((entry) => [entry.name, entry] as const))('%s', async (name, entry) => {
        const run = runners.get(name.split('_')[0]!);
        if (!run) throw new Error(`no runner for ${name}`);
        const before = kernels.liveArrays;
        const worst = gradeCase(entry, await run(entry, contextOf(kernels)));
        if (process.env.MOCO_SHOW) console.log(`${name}: worst error ${worst.toFixed(3)} of tolerance`);
        expect(worst).toBeLessThanOrEqual(1);
        expect(kernels.liveArrays, 'arrays left behind').toBe(before);
      });
    });
  }
});
