/** Sums over groups, taken in the order of the groups whatever order they come in. */
import type { DeviceArray } from '../kernels/kernels.ts';
import type { GroupArrays } from '../scheduler/group-encoders.ts';

/**
 * sums[i] ← Σ over the groups of their i-th arrays, whose memory is given back. All groups settle before anything is
 * thrown: none may still be writing when the caller goes on.
 */
export async function sumGroups(
  groups: readonly Promise<readonly GroupArrays[]>[],
  sums: readonly (readonly DeviceArray[])[],
): Promise<void> {
  // A failure is looked at in its turn.
  for (const running of groups) running.catch(() => {});
  let taken = 0;
  try {
    for (const [group, running] of groups.entries()) {
      const arrays = await running;
      taken = group + 1;
      for (const [i, values] of arrays.entries()) {
        if (group === 0) values.copyTo(sums[i]!);
        else values.addTo(sums[i]!);
        values.release();
      }
    }
  } finally {
    for (const rest of await Promise.allSettled(groups.slice(taken))) {
      if (rest.status === 'fulfilled') for (const values of rest.value) values.release();
    }
  }
}
