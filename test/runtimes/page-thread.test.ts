/** Called on a page's own thread, the long jobs run in a worker, and give what they give in Node. */
import { setTimeout } from 'node:timers/promises';
import type { Page, Worker } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryFolder } from '../checkpoint/example.ts';
import { callInNode, callInPage } from './call.ts';
import { closeChromium, openPage } from './chromium.ts';
import { inRuntimes } from './in-every-runtime.ts';

interface Followed {
  /** Types of the events, steps with their numbers. */
  told: string[];
  losses: number[];
  /** Of the last event. */
  end: 'done' | 'aborted' | null;
  error: string | null;
}

const PROGRAM = 'test/runtimes/page-thread-run.mjs';
const SCRIPTS = ['data-worker.js', 'encoder-worker.js', 'job-worker.js'];
const STEPS = ['step 1', 'step 2', 'step 3', 'step 4', 'step 5', 'epoch'];

let expected: Followed;
beforeAll(async () => {
  expected = await callInNode(PROGRAM, 'trained');
  expect(expected).toMatchObject({ told: ['run', ...STEPS], end: 'done', error: null });
});
afterAll(closeChromium);

async function withPage(isolated: boolean, task: (page: Page) => Promise<void>): Promise<void> {
  const { page, server, errors } = await openPage('test/runtimes/page/blank.html', isolated);
  try {
    await task(page);
    expect(errors).toEqual([]);
  } finally {
    await page.close();
    server.close();
  }
}

const call = <Result = Followed>(page: Page, name: string, ...given: unknown[]) =>
  callInPage<Result>(page, PROGRAM, name, ...given);

const scriptOf = (worker: Worker) => worker.url().split('/').at(-1)!;

/** The browser tells of the end of workers a little later. */
const expectNoWorkers = (page: Page) =>
  expect.poll(() => page.workers().map(scriptOf), { timeout: 10_000 }).toEqual([]);

/** Scripts of the workers that start from now on. */
function startedScripts(page: Page): string[] {
  const started: string[] = [];
  page.on('worker', (worker) => started.push(scriptOf(worker)));
  return started;
}

/** Counts what the page's thread itself makes of WebAssembly, from now on, in `compiled`. */
const countWebAssembly = (page: Page) =>
  page.evaluate(() => {
    const counter = globalThis as unknown as { compiled: number };
    counter.compiled = 0;
    const names = [
      'compile',
      'compileStreaming',
      'instantiate',
      'instantiateStreaming',
      'Module',
      'Instance',
    ];
    for (const name of names) {
      const original = Reflect.get(WebAssembly, name) as (...given: unknown[]) => unknown;
      const counted = function (this: unknown, ...given: unknown[]): unknown {
        counter.compiled++;
        return new.target ? Reflect.construct(original, given) : original.apply(this, given);
      };
      Reflect.set(WebAssembly, name, counted);
    }
  });
const compiledBy = (page: Page) => page.evaluate('compiled');

await inRuntimes(['chromium', 'chromium isolated'], (runtime) => {
  it('trains in workers alone, with the bits of Node', async () => {
    await withPage(runtime === 'chromium isolated', async (page) => {
      await countWebAssembly(page);
      const started = startedScripts(page);
      expect(await call(page, 'trained')).toEqual(expected);
      expect(started.sort()).toEqual(SCRIPTS);
      expect(await compiledBy(page)).toBe(0);
      await expectNoWorkers(page);
      // The counter counts.
      await page.evaluate(`import('/dist/kernels.js').then(({ createWasmKernels }) => createWasmKernels())`);
      expect(await compiledBy(page)).toBeGreaterThan(0);
    });
  });
});

await inRuntimes(['chromium'], () => {
  it('embeds, measures kNN and classifies linearly in workers alone, with the bits of Node', () =>
    withPage(false, async (page) => {
      await countWebAssembly(page);
      const result = await call<{ rows: unknown[]; linear: unknown[] }>(page, 'evaluated', 'run');
      expect(await compiledBy(page)).toBe(0);
      expect(result.rows).toHaveLength(80 + 16);
      expect(result.linear).toHaveLength(2 * (1 + 2 + 1));
      expect(result).toEqual(await callInNode(PROGRAM, 'evaluated', await temporaryFolder()));
      await expectNoWorkers(page);
      expect((await call(page, 'embeddingError', 'run')).error).toMatch(/^shape-mismatch: /);
    }));

  it('reads and writes checkpoints and ONNX files in workers alone, with the bits of Node', () =>
    withPage(false, async (page) => {
      await page.evaluate(() => {
        const counter = globalThis as unknown as { largestMessage: number };
        counter.largestMessage = 0;
        const { postMessage } = Worker.prototype as { postMessage: (message: unknown) => void };
        Worker.prototype.postMessage = function (this: Worker, message: unknown, ...rest: unknown[]) {
          counter.largestMessage = Math.max(counter.largestMessage, bytesOf(message));
          return Reflect.apply(postMessage, this, [message, ...rest]);
        };
        function bytesOf(value: unknown): number {
          if (ArrayBuffer.isView(value)) return value.buffer.byteLength;
          if (typeof value !== 'object' || value === null) return 0;
          const parts = value instanceof Map ? value.values() : Object.values(value);
          return [...parts].reduce((sum: number, part) => sum + bytesOf(part), 0);
        }
      });
      const inPage = await call<{ file: { byteLength: number } }>(page, 'filesOf', 'run');
      expect(inPage).toEqual(await callInNode(PROGRAM, 'filesOf', await temporaryFolder()));
      const largest = (await page.evaluate('largestMessage')) as number;
      // Below 4 MiB it goes in one piece; tensors, 8 MB in all, go one by one.
      expect(largest).toBe(inPage.file.byteLength);
      expect(await call<string>(page, 'nothingThere')).toMatch(/^data-missing: /);
      await expectNoWorkers(page);
    }));

  it('hears the signal of the page, before the start and after', () =>
    withPage(false, async (page) => {
      expect(await call(page, 'endedBefore')).toEqual({
        told: ['run'],
        losses: [],
        end: 'aborted',
        error: null,
      });
      const losses = expected.losses.slice(0, 3);
      expect(await call(page, 'endedAfter', 3)).toEqual({
        told: ['run', ...STEPS.slice(0, 3)],
        losses,
        end: 'aborted',
        error: null,
      });
    }));

  it('is paused by the page, before the start and while a step is awaited, with the same losses', () =>
    withPage(false, async (page) => {
      const { duringFirst, duringSecond, ...rest } = await call<
        Followed & Record<'duringFirst' | 'duringSecond', string[]>
      >(page, 'paused');
      expect(duringFirst).toEqual(['run']);
      // Steps under way are finished: which was is a matter of time.
      expect(duringSecond.length).toBeLessThan(3);
      expect(rest).toEqual(expected);
      const ended = await call(page, 'endedInPause');
      expect(ended).toMatchObject({ told: ['run', 'step 1', 'step 2'], error: null });
    }));

  it('passes errors on with their codes', () =>
    withPage(false, async (page) => {
      const refused = await call(page, 'refused');
      expect(refused.error).toMatch(/^usage: /);
      expect(refused).toEqual(await callInNode(PROGRAM, 'refused'));
    }));

  it.each(['break', 'throw'])('ends all its workers when the loop is left by %s', (how) =>
    withPage(false, async (page) => {
      const started = startedScripts(page);
      expect(await call<string>(page, 'leftEarly', how)).toBe(
        how === 'break' ? 'left' : 'an error of the page',
      );
      expect(started.sort()).toEqual(SCRIPTS);
      await expectNoWorkers(page);
    }),
  );

  it.each(['while an event is awaited', 'while none is'])('says that its worker died, %s', (when) =>
    withPage(false, async (page) => {
      expect(await call(page, 'begin')).toEqual(['run', 'notice', 'step']);
      const worker = page.workers().find((one) => one.url().endsWith('job-worker.js'))!;
      const fall = () =>
        worker.evaluate(() => {
          globalThis.setTimeout(() => {
            throw new Error('it fell over');
          });
        });
      let outcome: Promise<Followed>;
      if (when === 'while none is') {
        await fall();
        // The page has heard of it by then.
        await setTimeout(200);
        outcome = call(page, 'goOn');
      } else {
        outcome = call(page, 'goOn');
        await fall();
      }
      expect((await outcome).error).toMatch(/^worker-died: worker job-worker\.js died: .*it fell over/);
    }),
  );

  it('says that the script of its worker cannot be loaded', () =>
    withPage(false, async (page) => {
      await page.route('**/job-worker.js', (route) => route.fulfill({ status: 404 }));
      expect(await call(page, 'trained')).toEqual({
        told: [],
        losses: [],
        end: null,
        error: expect.stringMatching(
          /^worker-died: worker job-worker\.js died: it could not be loaded: .*job-worker\.js answers 404/,
        ),
      });
    }));
});
