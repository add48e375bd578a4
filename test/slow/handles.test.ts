/**
 * Whatever way a run ends, it leaves no worker behind, and the process exits by itself. The built package, in a process
 * for each ending.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../checkpoint/example.ts';
import { inRuntimes } from '../runtimes/in-every-runtime.ts';
import { type Runtime, runDeno } from '../runtimes/runtimes.ts';

const PROGRAM = fileURLToPath(new URL('./handles.mjs', import.meta.url));
/** Far more than any takes. A process that does not end by itself is killed, and the test fails. */
const TIMEOUT = 60_000;

/** Two encoder workers and one that makes views: in Node they can be counted. */
const TRAINING = 3;
const ENDINGS = {
  whole: { steps: 3, during: TRAINING, error: null },
  left: { steps: 1, during: TRAINING, error: null },
  failed: { steps: expect.any(Number), during: TRAINING, error: 'loss-not-finite' },
  aborted: { steps: 1, during: TRAINING, error: null },
  checkpoint: { rows: 24, left: 1, during: TRAINING, bank: 16 },
};

async function outcomeIn(runtime: Runtime, ending: string): Promise<unknown> {
  const args = [PROGRAM, ending, await temporaryFolder()];
  const ended =
    runtime === 'deno'
      ? runDeno(['run', '-A', ...args], {}, undefined, TIMEOUT)
      : promisify(execFile)(process.execPath, args, { timeout: TIMEOUT }).then(({ stdout }) => stdout);
  const output = await ended.catch((error: Error & { killed?: boolean; stdout?: string }) => {
    const what = error.killed ? 'the process did not end' : error.message;
    throw new Error(`${what}; it wrote ${error.stdout || 'nothing'}`, { cause: error });
  });
  return JSON.parse(output);
}

await inRuntimes(['node', 'deno'], (runtime) => {
  it.each(Object.entries(ENDINGS))(
    '%s: no worker is left, and the process exits',
    async (ending, expected) => {
      const counts = runtime === 'node' ? { after: 0 } : { during: null, after: null };
      expect(await outcomeIn(runtime, ending)).toEqual({ ...expected, ...counts });
    },
  );
});
