import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { MocoError } from '../../src/errors.ts';
import { spawnWorker } from '../../src/runtime/worker.ts';
import { type Remote, WorkerPool } from '../../src/scheduler/pool.ts';
import type { EchoWorker } from './echo-worker.ts';

let folder = '';
let script = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'moco-web-pool-'));
  const outfile = join(folder, 'echo-worker.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('./echo-worker.ts', import.meta.url))],
    outfile,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    platform: 'node',
  });
  script = pathToFileURL(outfile).href;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function start(count: number, prepare = async (_: Remote<EchoWorker>) => {}) {
  const pool = await WorkerPool.start<EchoWorker>(script, count, prepare);
  onTestFinished(() => pool.dispose());
  return pool;
}

/** Fails instead of waiting for ever. */
async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing within ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** How many worker threads this process has. Each announces itself with a message port. */
const threads = () => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;

describe('WorkerPool', () => {
  it('takes tasks in the order in which they are given', async () => {
    const pool = await start(2);
    const begun: number[] = [];
    const results = await Promise.all(
      Array.from({ length: 9 }, (_, i) =>
        pool.run((remote) => {
          begun.push(i);
          // The first is slow: the others pass it on the other worker, in their order.
          return remote.echo(i, i === 0 ? 150 : 1);
        }),
      ),
    );
    expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(results.map(({ value }) => value)).toEqual(begun);
    expect(new Set(results.map(({ thread }) => thread)).size).toBe(2);
    expect(new Set(results.slice(1, 5).map(({ thread }) => thread)).size).toBe(1);
  });

  it('gives a worker to one task at a time', async () => {
    const pool = await start(2);
    let now = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 6 }, () =>
        pool.run(async (remote) => {
          most = Math.max(most, ++now);
          await remote.echo(0, 5);
          await remote.echo(0, 5);
          now--;
        }),
      ),
    );
    expect(most).toBe(2);
  });

  it('prepares every worker, and reaches every worker at once', async () => {
    const prepared: number[] = [];
    const pool = await start(3, async (remote) => {
      prepared.push((await remote.echo(0)).thread);
    });
    expect(pool.size).toBe(3);
    expect(new Set(prepared).size).toBe(3);
    const reached: number[] = [];
    // Beside a task that never ends.
    const hanging = pool.run((remote) => remote.hang());
    hanging.catch(() => {});
    await pool.broadcast(async (remote) => {
      reached.push((await remote.echo(0)).thread);
    });
    expect(reached.toSorted()).toEqual(prepared.toSorted());
  });

  it('keeps the code of a MocoError that a worker throws, and other errors as they are', async () => {
    const pool = await start(1);
    const refused = await pool.run((remote) => remote.refuse()).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(MocoError);
    expect(refused).toMatchObject({ code: 'image-corrupt', message: 'not an image' });
    const failed = await pool.run((remote) => remote.fail()).catch((error: unknown) => error);
    expect(failed).not.toBeInstanceOf(MocoError);
    expect(failed).toMatchObject({ name: 'RangeError', message: 'out of range' });
    // The worker is as good as before.
    expect((await pool.run((remote) => remote.echo('still here'))).value).toBe('still here');
  });

  it('gives the worker back when the task itself throws', async () => {
    const pool = await start(1);
    await expect(pool.run(() => Promise.reject(new Error('own fault')))).rejects.toThrow('own fault');
    expect(
      (
        await within(
          2000,
          pool.run((remote) => remote.echo(1)),
        )
      ).value,
    ).toBe(1);
  });

  it.each<[string, (remote: Remote<EchoWorker>) => Promise<void>, RegExp]>([
    ['exits', (remote) => remote.exit(3), /died: it exited with code 3/],
    ['crashes', (remote) => remote.crash(), /died: out of luck/],
  ])('rejects what waits for a worker that %s, and every later call', async (_, end, message) => {
    const pool = await start(1);
    const expected = { code: 'worker-died', message: expect.stringMatching(message) };
    const waiting = [
      pool.run(end),
      pool.run((remote) => remote.echo(1)),
      pool.run((remote) => remote.echo(2)),
    ];
    for (const result of await within(5000, Promise.allSettled(waiting))) {
      expect(result).toMatchObject({ status: 'rejected', reason: expected });
    }
    await expect(
      within(
        2000,
        pool.run((remote) => remote.echo(3)),
      ),
    ).rejects.toMatchObject(expected);
    await expect(
      within(
        2000,
        pool.broadcast(async (remote) => void (await remote.echo(4))),
      ),
    ).rejects.toMatchObject(expected);
  });

  it('ends the threads it started when one cannot be prepared', async () => {
    const before = threads();
    const failure = WorkerPool.start<EchoWorker>(script, 2, (remote) => remote.refuse());
    await expect(within(5000, failure)).rejects.toMatchObject({ code: 'image-corrupt' });
    expect(threads()).toBe(before);
  });

  it('says so when the script does not exist', async () => {
    const missing = pathToFileURL(join(folder, 'nothing.mjs')).href;
    const failure = WorkerPool.start<EchoWorker>(missing, 1, async (remote) => void (await remote.echo(0)));
    await expect(within(5000, failure)).rejects.toMatchObject({
      code: 'worker-died',
      message: expect.stringContaining('nothing.mjs'),
    });
  });

  it('dispose ends every thread and rejects what was running and what waited', async () => {
    const before = threads();
    const pool = await WorkerPool.start<EchoWorker>(script, 3, async () => {});
    expect(threads()).toBe(before + 3);
    const running = Array.from({ length: 5 }, () => pool.run((remote) => remote.hang()));
    const settled = Promise.allSettled(running);
    await within(5000, pool.dispose());
    for (const result of await within(5000, settled)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'worker-died' } });
    }
    expect(threads()).toBe(before);
  });
});

describe('spawnWorker', () => {
  it('tells of a death once, also of one that was asked for', async () => {
    const handle = await spawnWorker(script);
    const reasons: string[] = [];
    const died = new Promise<void>((resolve) => {
      handle.onDeath((reason) => {
        reasons.push(reason);
        resolve();
      });
    });
    await handle.terminate();
    await within(2000, died);
    expect(reasons).toEqual([expect.stringMatching(/^it exited with code \d$/)]);
  });

  it('tells of a crash once', async () => {
    const handle = await spawnWorker(new URL('crash.mjs', script).href);
    const reasons: string[] = [];
    handle.onDeath((reason) => reasons.push(reason));
    await within(2000, new Promise<void>((resolve) => handle.onDeath(() => resolve())));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(reasons.length).toBe(1);
  });
});
