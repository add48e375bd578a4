/** Sums over groups, taken in the order of the groups whatever order they come in. */
import type { ArraySum, GroupArrays } from '../scheduler/group-encoders.ts';
import type { RankSum } from './rank-sum.ts';

export interface GroupSum extends ArraySum {
  /** What adds up the groups of all ranks, whose sum gets into the arrays when it is finished. Left out: there are no others. */
  readonly ranks?: RankSum;
}

/**
 * Adds the i-th arrays of each group to sums[i], or to nothing where that is null, and gives their memory back. Null are arrays
 * that their encoder has added itself. All groups settle before anything is thrown: none may still be writing when the caller goes on.
 * @param before sums nothing until this has settled: gradients of two passes are added in the order of the passes
 */
export async function sumGroups(
  groups: readonly Promise<readonly (GroupArrays | null)[]>[],
  sums: readonly (GroupSum | null)[],
  before: Promise<unknown> = Promise.resolve(),
): Promise<void> {
  // Avoids an unhandledRejection: the loop below awaits each of them.
  for (const running of groups) running.catch(() => {});
  let taken = 0;
  try {
    // Ranks that have lost each other exchange nothing more.
    await (sums.some((sum) => sum?.ranks) ? before : before.catch(() => {}));
    for (const [group, running] of groups.entries()) {
      const arrays = await running;
      taken = group + 1;
      for (const [i, values] of arrays.entries()) {
        if (!values) continue;
        try {
          await add(values, sums[i] ?? null);
        } finally {
          values.release();
        }
      }
    }
  } finally {
    for (const rest of await Promise.allSettled(groups.slice(taken))) {
      if (rest.status === 'fulfilled') for (const values of rest.value) values?.release();
    }
  }
}

async function add(values: GroupArrays, sum: GroupSum | null): Promise<void> {
  if (!sum) return;
  if (sum.ranks) return sum.ranks.add(values.values!);
  if (sum.begun) values.addTo(sum.arrays);
  else values.copyTo(sum.arrays);
  sum.begun = true;
}
