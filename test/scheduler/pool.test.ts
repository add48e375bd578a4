import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { MocoError } from '../../src/errors.ts';
import { spawnWorker } from '../../src/runtime/worker.ts';
import { type Remote, WorkerPool } from '../../src/scheduler/pool.ts';
import { isInNativeCode } from '../../src/scheduler/worker-client.ts';
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
        pool.run('test', (remote) => {
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
        pool.run('test', async (remote) => {
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
    const hanging = pool.run('test', (remote) => remote.hang());
    hanging.catch(() => {});
    await pool.broadcast(async (remote) => {
      reached.push((await remote.echo(0)).thread);
    });
    expect(reached.toSorted()).toEqual(prepared.toSorted());
  });

  it('keeps the code of a MocoError that a worker throws, and other errors as they are', async () => {
    const pool = await start(1);
    const refused = await pool.run('test', (remote) => remote.refuse()).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(MocoError);
    expect(refused).toMatchObject({ code: 'image-corrupt', message: 'not an image' });
    const failed = await pool.run('test', (remote) => remote.fail()).catch((error: unknown) => error);
    expect(failed).not.toBeInstanceOf(MocoError);
    expect(failed).toMatchObject({ name: 'RangeError', message: 'out of range' });
    // The worker is as good as before.
    expect((await pool.run('test', (remote) => remote.echo('still here'))).value).toBe('still here');
  });

  it('gives the worker back when the task itself throws', async () => {
    const pool = await start(1);
    await expect(pool.run('test', () => Promise.reject(new Error('own fault')))).rejects.toThrow('own fault');
    expect(
      (
        await within(
          10_000,
          pool.run('test', (remote) => remote.echo(1)),
        )
      ).value,
    ).toBe(1);
  });

  it.each<[string, (remote: Remote<EchoWorker>) => Promise<void>, RegExp]>([
    ['exits', (remote) => remote.exit(3), /died: it exited with code 3; another takes its place$/],
    ['crashes', (remote) => remote.crash(), /died: out of luck; another takes its place$/],
  ])('replaces a worker that %s, prepares the new one, and does its task again', async (_, end, message) => {
    const before = threads();
    const told: string[] = [];
    const prepared: number[] = [];
    const prepare = async (remote: Remote<EchoWorker>) => {
      prepared.push((await remote.echo(0)).thread);
    };
    const pool = await WorkerPool.start<EchoWorker>(script, 2, prepare, {
      tell: (words) => void told.push(words),
    });
    let tries = 0;
    let inputs = 0;
    const broken = pool.hold('test', async (call) => {
      const input = ++inputs;
      return call('test', async (remote) => {
        if (++tries < 3) await end(remote);
        return remote.echo(input);
      });
    });
    const others = Array.from({ length: 4 }, (_, i) => pool.run('test', (remote) => remote.echo(i)));
    expect(await within(10_000, broken)).toMatchObject({ value: 3, thread: prepared.at(-1) });
    expect((await Promise.all(others)).map(({ value }) => value)).toEqual([0, 1, 2, 3]);
    expect(told).toEqual([expect.stringMatching(message), expect.stringMatching(message)]);
    expect(new Set(prepared).size).toBe(4);
    expect(threads()).toBe(before + 2);
    await pool.dispose();
    expect(threads()).toBe(before);
  });

  it('gives a task up that three workers have died of, and goes on with others', async () => {
    const told: string[] = [];
    const pool = await WorkerPool.start<EchoWorker>(script, 1, async () => {}, {
      tell: (words) => void told.push(words),
    });
    onTestFinished(() => pool.dispose());
    const failure = pool.run('doomed', (remote) => remote.crash());
    await expect(within(10_000, failure)).rejects.toMatchObject({
      code: 'worker-died',
      message: expect.stringMatching(/out of luck; 3 workers in turn have died of the same task \(doomed\)/),
    });
    expect(told.length).toBe(2);
    expect(
      (
        await within(
          10_000,
          pool.run('test', (remote) => remote.echo(3)),
        )
      ).value,
    ).toBe(3);
    await within(
      2000,
      pool.broadcast(async (remote) => void (await remote.echo(4))),
    );
    expect(told.length).toBe(3);
  });

  it('does not blame a worker for the death of one of another pool', async () => {
    const [pool, other] = [await start(1), await start(1)];
    let tries = 0;
    const failure = pool.hold('test', async (call) => {
      tries++;
      await other.run('doomed', (remote) => remote.exit(1));
      return call('test', (remote) => remote.echo(1));
    });
    await expect(within(10_000, failure)).rejects.toMatchObject({ code: 'worker-died' });
    expect(tries).toBe(1);
  });

  it('replaces a worker that died while it was idle, or during a broadcast', async () => {
    const pool = await start(1);
    await pool.broadcast((remote) => remote.exit(1));
    expect(
      (
        await within(
          10_000,
          pool.run('test', (remote) => remote.echo(1)),
        )
      ).value,
    ).toBe(1);
  });

  it('ends a worker that does not answer in time, and does its task again', async () => {
    const told: string[] = [];
    const slowest: number[] = [];
    const deadline = (milliseconds: number) => {
      slowest.push(milliseconds);
      return 300;
    };
    const pool = await WorkerPool.start<EchoWorker>(script, 1, async () => {}, {
      tell: (words) => void told.push(words),
      deadline,
    });
    onTestFinished(() => pool.dispose());
    // The first of a kind may take as long as it likes.
    await pool.run('test', (remote) => remote.echo(0, 400));
    let tries = 0;
    const hanging = pool.run('test', async (remote) => {
      if (++tries < 2) await remote.hang();
      return remote.echo(5);
    });
    expect((await within(10_000, hanging)).value).toBe(5);
    expect(told).toEqual([expect.stringMatching(/gave no answer within 0 s and was ended; another takes/)]);
    expect(slowest.filter((time) => time >= 400).length).toBeGreaterThan(1);
    // What is done on this side is not the worker's time.
    await pool.hold('test', async (call) => {
      await call('test', (remote) => remote.echo(0));
      await new Promise((done) => setTimeout(done, 500));
      return call('test', (remote) => remote.echo(1));
    });
    expect(told.length).toBe(1);
  });

  it('does not hold it against a worker that this whole process was stopped', async () => {
    const told: string[] = [];
    const pool = await WorkerPool.start<EchoWorker>(script, 1, async () => {}, {
      tell: (words) => void told.push(words),
      deadline: () => 300,
    });
    onTestFinished(() => pool.dispose());
    await pool.run('test', (remote) => remote.echo(0));
    const answer = pool.run('test', (remote) => remote.echo(1, 50));
    // The call has to be on its way.
    await new Promise((done) => setTimeout(done, 10));
    const end = performance.now() + 900;
    while (performance.now() < end);
    expect((await answer).value).toBe(1);
    expect(told).toEqual([]);
  });

  it('lets a worker in native code come back before it is ended', async () => {
    const pool = await WorkerPool.start<EchoWorker>(script, 1, async () => {}, { native: true });
    const answer = pool.run('test', (remote) => remote.echo(1, 300));
    await new Promise((done) => setTimeout(done, 50));
    expect(isInNativeCode()).toBe(true);
    await pool.dispose();
    expect((await answer).value).toBe(1);
    expect(isInNativeCode()).toBe(false);
    // One that has gone by itself is not waited for.
    const other = await WorkerPool.start<EchoWorker>(script, 1, async () => {}, { native: true });
    const begun = performance.now();
    const gone = other.run('test', (remote) => remote.crash());
    gone.catch(() => {});
    await within(10_000, expect(gone).rejects.toMatchObject({ code: 'worker-died' }));
    await other.dispose();
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  it('does a task of several calls again as a whole when its worker dies between two of them', async () => {
    const pool = await start(1);
    const threads: number[] = [];
    const task = pool.hold('test', async (call) => {
      threads.push((await call('first', (remote) => remote.echo(0))).thread);
      if (threads.length === 1) await pool.broadcast((remote) => remote.exit(1));
      return call('second', (remote) => remote.echo(7));
    });
    expect(await within(10_000, task)).toMatchObject({ value: 7, thread: threads[1] });
    expect(new Set(threads).size).toBe(2);
  });

  it('does a task again on a new worker where it is told to, and the task keeps its place', async () => {
    const asked: boolean[] = [];
    const pool: WorkerPool<EchoWorker> = await WorkerPool.start<EchoWorker>(script, 1, async () => {}, {
      again(error, upToDate) {
        if (!(error instanceof Error) || error.message !== 'too large') return false;
        asked.push(upToDate);
        if (upToDate) pool.renew();
        return true;
      },
    });
    onTestFinished(() => pool.dispose());
    const threads: number[] = [];
    const first = pool.hold('test', async (call) => {
      threads.push((await call('test', (remote) => remote.echo(0))).thread);
      if (threads.length === 1) throw new Error('too large');
      return 'fits';
    });
    // Waits for the first one, whose seat is the only one.
    const second = pool.hold('test', async (call) => {
      expect(await first).toBe('fits');
      return (await call('test', (remote) => remote.echo(0))).thread;
    });
    expect(await within(10_000, second)).toBe(threads[1]);
    expect(threads[0]).not.toBe(threads[1]);
    expect(asked).toEqual([true]);
    await expect(pool.run('test', () => Promise.reject(new Error('else')))).rejects.toThrow('else');
  });

  it('renews workers between tasks', async () => {
    const pool = await start(2);
    const running = [0, 1].map((i) => pool.run('test', (remote) => remote.echo(i, 200)));
    // They are under way once the workers have answered behind them.
    await pool.broadcast(async (remote) => void (await remote.echo(0)));
    pool.renew();
    const next = await pool.run('test', (remote) => remote.echo(2));
    const old = await Promise.all(running);
    expect(old.map(({ value }) => value)).toEqual([0, 1]);
    expect(old.map(({ thread }) => thread)).not.toContain(next.thread);
  });

  it('ends the threads it started when one cannot be prepared', async () => {
    const before = threads();
    const failure = WorkerPool.start<EchoWorker>(script, 2, (remote) => remote.refuse());
    await expect(within(10_000, failure)).rejects.toMatchObject({ code: 'image-corrupt' });
    expect(threads()).toBe(before);
  });

  it('says so when the script does not exist', async () => {
    const missing = pathToFileURL(join(folder, 'nothing.mjs')).href;
    const failure = WorkerPool.start<EchoWorker>(missing, 1, async (remote) => void (await remote.echo(0)));
    await expect(within(10_000, failure)).rejects.toMatchObject({
      code: 'worker-died',
      message: expect.stringContaining('nothing.mjs'),
    });
  });

  it('dispose ends every thread and rejects what was running and what waited', async () => {
    const before = threads();
    const pool = await WorkerPool.start<EchoWorker>(script, 3, async () => {});
    expect(threads()).toBe(before + 3);
    const running = Array.from({ length: 5 }, () => pool.run('test', (remote) => remote.hang()));
    const settled = Promise.allSettled(running);
    await within(10_000, pool.dispose());
    for (const result of await within(10_000, settled)) {
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
    await within(10_000, died);
    expect(reasons).toEqual([expect.stringMatching(/^it exited with code \d$/)]);
  });

  it('one that never says that it is ready is dead within seconds, and says so', async () => {
    // Workers of browsers are in test/runtimes/worker-start.test.ts.
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    const silent = `data:text/javascript,${encodeURIComponent('setTimeout(() => {}, 600_000)')}`;
    const [handle, right] = [await spawnWorker(silent), await spawnWorker(script)];
    onTestFinished(() => right.terminate());
    const reasons: string[] = [];
    handle.onDeath((reason) => reasons.push(reason));
    right.onDeath((reason) => reasons.push(`the right one: ${reason}`));
    await within(20_000, new Promise((resolve) => right.endpoint.addEventListener('message', resolve)));
    await vi.advanceTimersByTimeAsync(19_000);
    expect(reasons).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(reasons).toEqual([
      expect.stringMatching(/^it did not say within 20 s that it is ready: is data:/),
    ]);
  });

  it('tells of a crash once', async () => {
    const handle = await spawnWorker(new URL('crash.mjs', script).href);
    const reasons: string[] = [];
    handle.onDeath((reason) => reasons.push(reason));
    await within(10_000, new Promise<void>((resolve) => handle.onDeath(() => resolve())));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(reasons.length).toBe(1);
  });
});
