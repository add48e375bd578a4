/** AdamW against what torch.optim.AdamW gave (scripts/references/adamw.py). */
import { expect, it } from 'vitest';
import { contextOf } from '../../src/golden/context.ts';
import { optimizerFamily } from '../../src/golden/optimizers.ts';
import { gradeCase, readCases } from '../golden.ts';
import { onEveryBackend } from '../kernels/backends.ts';

const cases = readCases(new URL('./references/', import.meta.url), ['adamw']);

onEveryBackend(({ kernels }) => {
  it('has cases with decay and without', () => {
    const decays = cases.map(({ params }) => params.weight_decay);
    expect(decays).toHaveLength(3);
    expect(decays).toContain(0);
  });

  it.each(cases.map((entry) => [entry.name, entry] as const))('%s', async (name, entry) => {
    const before = kernels.liveArrays;
    const worst = gradeCase(entry, await optimizerFamily.runners!.adamw!(entry, contextOf(kernels)));
    if (process.env.MOCO_SHOW) console.log(`${name}: worst error ${worst.toFixed(3)} of tolerance`);
    expect(worst).toBeLessThanOrEqual(1);
    expect(kernels.liveArrays, 'arrays left behind').toBe(before);
  });
});
