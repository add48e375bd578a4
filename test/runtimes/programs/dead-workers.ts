/** What a WorkerPool says of workers that die, as `code: message`. */
import { MocoError } from '../../../src/errors.ts';
import { type Remote, WorkerPool } from '../../../src/scheduler/pool.ts';
import type { CrashWorker } from './crash-worker.ts';

function textOf(error: unknown): string {
  return error instanceof MocoError ? `${error.code}: ${error.message}` : String(error);
}

async function deathOf(
  script: string,
  task: (remote: Remote<CrashWorker>) => Promise<void>,
): Promise<string> {
  try {
    const pool = await WorkerPool.start<CrashWorker>(script, 1, task);
    await pool.dispose();
    return 'nothing happened';
  } catch (error) {
    return textOf(error);
  }
}

/** The pool is disposed of while a worker is at work. */
async function deathByDispose(): Promise<string> {
  const pool = await WorkerPool.start<CrashWorker>('crash-worker.mjs', 1, async () => {});
  const pending = pool.run('hang', (remote) => remote.hang()).then(() => 'nothing happened', textOf);
  await pool.dispose();
  return pending;
}

export async function main(): Promise<Record<string, string>> {
  return {
    crash: await deathOf('crash-worker.mjs', (remote) => remote.crash()),
    rejection: await deathOf('crash-worker.mjs', (remote) => remote.rejectUnseen()),
    missing: await deathOf('no-such-worker.mjs', (remote) => remote.crash()),
    disposed: await deathByDispose(),
  };
}
