import { describe, it } from 'vitest';
import { missing, RUNTIMES, type Runtime } from './runtimes.ts';

/**
 * Runs a suite in every runtime that is here. Of the others it says NOT RUN, and with MOCO_REQUIRE_RUNTIMES=1 it fails.
 */
export const inEveryRuntime = (suite: (runtime: Runtime) => void) => inRuntimes(RUNTIMES, suite);

/** The same in some of them. */
export async function inRuntimes(
  runtimes: readonly Runtime[],
  suite: (runtime: Runtime) => void,
): Promise<void> {
  for (const runtime of runtimes) {
    const reason = await missing(runtime);
    describe(runtime, () => {
      if (reason === null) {
        suite(runtime);
      } else if (process.env.MOCO_REQUIRE_RUNTIMES === '1') {
        it('is here', () => {
          throw new Error(`MOCO_REQUIRE_RUNTIMES=1, but ${reason}`);
        });
      } else {
        console.warn(`NOT RUN in ${runtime}: ${reason}`);
        it.skip(`NOT RUN: ${reason}`, () => {});
      }
    });
  }
}
