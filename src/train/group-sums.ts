/** Sums over groups, taken in the order of the groups whatever order they come in. */
import type { DeviceArray } from '../kernels/device-array.ts';
import type { GroupArrays } from '../scheduler/group-encoders.ts';

/** Arrays that sum up those of groups. */
export interface GroupSum {
  readonly arrays: readonly DeviceArray[];
  /** Whether there is a sum: the first group's arrays take the place of what was there. */
  begun: boolean;
}

/**
 * Adds the i-th arrays of each group to sums[i], or to nothing where that is null, and gives their memory back. All
 * groups settle before anything is thrown: none may still be writing when the caller goes on.
 * @param before sums nothing until this has settled: gradients of two passes are added in the order of the passes
 */
export async function sumGroups(
  groups: readonly Promise<readonly GroupArrays[]>[],
  sums: readonly (GroupSum | null)[],
  before: Promise<unknown> = Promise.resolve(),
): Promise<void> {
  // Avoids an unhandledRejection: the loop below awaits each of them.
  for (const running of groups) running.catch(() => {});
  let taken = 0;
  try {
    await before.catch(() => {});
    for (const [group, running] of groups.entries()) {
      const arrays = await running;
      taken = group + 1;
      for (const [i, values] of arrays.entries()) {
        add(values, sums[i] ?? null);
        values.release();
      }
    }
  } finally {
    for (const rest of await Promise.allSettled(groups.slice(taken))) {
      if (rest.status === 'fulfilled') for (const values of rest.value) values.release();
    }
  }
}

function add(values: GroupArrays, sum: GroupSum | null): void {
  if (!sum) return;
  if (sum.begun) values.addTo(sum.arrays);
  else values.copyTo(sum.arrays);
  sum.begun = true;
}
