/** Runs mutants against the conformance suite, and tells what caught each of them. */
import { afterAll, describe, expect, it } from 'vitest';
import { type KernelName, runConformance } from '../../src/conformance/index.ts';
import { CASES } from '../../src/conformance/suite.ts';
import type { Kernels } from '../../src/kernels/kernels.ts';
import type { Mutant } from './mutant.ts';

/** No case takes as long on a slow software GPU. */
const TIMEOUT = 30;
/** Of a file of kernels: fewer say little about the suite. */
const FEWEST = 6;

export interface Caught {
  /** The first case that failed, in the order of the suite; null where none did. */
  by: string | null;
  /** Whether the device is of no more use. */
  over: boolean;
}

/** The cases of these kernels up to the first that fails, but for the slow ones. */
export async function caughtBy(
  kernels: Kernels,
  names: readonly KernelName[],
  device?: GPUDevice,
): Promise<Caught> {
  const own = CASES.filter(({ kernel, slow }) => names.includes(kernel) && !slow);
  for (const { name } of own) {
    const options = { only: name, timeout: TIMEOUT, ...(device ? { device } : {}) };
    for await (const { status, reason } of runConformance(kernels, options)) {
      if (status !== 'FAIL') continue;
      return { by: name, over: /^(aborted|device-lost)/.test(reason ?? '') };
    }
  }
  return { by: null, over: false };
}

/** A test for each mutant, then their table and the totals. */
export function campaign(
  title: string,
  files: readonly string[],
  mutants: readonly Mutant[],
  attempt: (mutant: Mutant) => Promise<string | null>,
): void {
  describe(title, () => {
    const rows: { mutant: Mutant; by: string | null }[] = [];

    it('every file has mutants of names of their own', () => {
      expect(new Set(mutants.map(({ file, name }) => `${file}: ${name}`)).size).toBe(mutants.length);
      for (const file of files) {
        expect
          .soft(mutants.filter((mutant) => mutant.file === file).length, file)
          .toBeGreaterThanOrEqual(FEWEST);
      }
      expect(mutants.filter(({ file }) => !files.includes(file))).toEqual([]);
    });

    it.each(mutants.map((mutant) => [`${mutant.file}: ${mutant.name}`, mutant] as const))(
      '%s',
      async (_, mutant) => {
        const by = await attempt(mutant);
        rows.push({ mutant, by });
        if (mutant.equivalent === undefined) expect(by, 'the case that caught it').not.toBeNull();
      },
    );

    afterAll(() => console.log(report(title, rows)));
  });
}

function report(title: string, rows: readonly { mutant: Mutant; by: string | null }[]): string {
  const lines = rows.map(({ mutant, by }) => {
    const { file, name, equivalent } = mutant;
    return [file, name, by ?? (equivalent ? `equivalent: ${equivalent}` : 'SURVIVED')] as const;
  });
  const width = (column: 0 | 1): number => Math.max(0, ...lines.map((line) => line[column].length));
  const count = (of: (row: (typeof rows)[number]) => boolean): number => rows.filter(of).length;
  const totals = [
    `${new Set(rows.map(({ mutant }) => mutant.file)).size} files`,
    `${rows.length} mutants`,
    `${count(({ by }) => by !== null)} caught`,
    `${count(({ by, mutant }) => by === null && mutant.equivalent !== undefined)} equivalent`,
    `${count(({ by, mutant }) => by === null && mutant.equivalent === undefined)} survived`,
  ];
  return [
    ...lines.map(([file, name, by]) => `${file.padEnd(width(0))}  ${name.padEnd(width(1))}  ${by}`),
    '',
    `${title}: ${totals.join(', ')}`,
  ].join('\n');
}
