import { augmentFamily } from './augment.ts';
import type { CaseFamily, CaseGrader, CaseRunner } from './case.ts';
import { evaluationFamily } from './evaluation.ts';
import { exportFamily } from './exports.ts';
import { kernelFamily } from './kernels.ts';
import { operatorFamily } from './operators.ts';
import { optimizerFamily } from './optimizers.ts';
import { pytorchFamily } from './pytorch-files.ts';
import { scheduleFamily } from './schedules.ts';
import { trainingFamily } from './training-cases.ts';

/** Everything that can compute golden cases. A new family is added here and nowhere else. */
export const FAMILIES: readonly CaseFamily[] = [
  kernelFamily,
  evaluationFamily,
  augmentFamily,
  operatorFamily,
  optimizerFamily,
  trainingFamily,
  exportFamily,
  pytorchFamily,
  scheduleFamily,
];

/** The runner or grader whose prefix of the case's name is longest. */
export function familyOf(
  name: string,
  families: readonly CaseFamily[] = FAMILIES,
): { run: CaseRunner } | { grade: CaseGrader } | null {
  let longest = -1;
  let found: { run: CaseRunner } | { grade: CaseGrader } | null = null;
  const offer = (prefix: string, what: { run: CaseRunner } | { grade: CaseGrader }) => {
    if (name.startsWith(prefix) && prefix.length > longest) {
      longest = prefix.length;
      found = what;
    }
  };
  for (const { runners, graders } of families) {
    for (const [prefix, run] of Object.entries(runners ?? {})) offer(prefix, { run });
    for (const [prefix, grade] of Object.entries(graders ?? {})) offer(prefix, { grade });
  }
  return found;
}
