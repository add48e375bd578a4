/** Checkpoints of a page: written, read, and carried to Node. What may go wrong with them is in test/faults/page.test.ts. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryFolder } from '../checkpoint/example.ts';
import { callInPage } from './call.ts';
import {
  type Options,
  type Outcome,
  openBlank,
  PROGRAM,
  storedFiles,
  trainInNode,
  trainInPage,
  undisturbed,
} from './checkpointed.ts';
import { closeChromium } from './chromium.ts';
import { inRuntimes } from './in-every-runtime.ts';

/** The same in a module worker of the page. */
const trainInWorker = (page: Page, options: Options): Promise<Outcome> =>
  page.evaluate(
    (given) =>
      new Promise<Outcome>((resolve, reject) => {
        const worker = new Worker('/test/runtimes/page/checkpointed-worker.mjs', { type: 'module' });
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.postMessage(given);
      }),
    options,
  );

let uninterrupted: number[] = [];
beforeAll(async () => {
  uninterrupted = await undisturbed();
});
afterAll(closeChromium);

await inRuntimes(['chromium'], () => {
  it.each([
    ['on its main thread', trainInPage],
    ['in a module worker', trainInWorker],
  ])('a run begun in a page, %s, is finished in Node with the same losses', async (_, train) => {
    const { page, close } = await openBlank();
    const begun = await train(page, { out: 'runs/a', steps: 7, checkpointEvery: 3 });
    expect(begun).toMatchObject({ from: 0, checkpoint: 'runs/a/step-000007' });
    expect(await callInPage(page, PROGRAM, 'lookAt', 'runs/a')).toEqual({
      step: 7,
      onnxBytes: expect.any(Number),
    });
    expect(await callInPage(page, PROGRAM, 'lookAt', '/runs/a/step-000006/')).toMatchObject({ step: 6 });
    const files = await storedFiles(page);
    await close();
    const names = ['model.safetensors', 'state.json'];
    expect(Object.keys(files).sort()).toEqual(
      ['step-000006', 'step-000007'].flatMap((step) => names.map((name) => `runs/a/${step}/${name}`)),
    );
    const folder = await temporaryFolder();
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), Buffer.from(content, 'base64'));
    }
    const finished = await trainInNode({ out: join(folder, 'runs/a') });
    expect(finished.from).toBe(7);
    // Doubles go through JSON and back without a change.
    expect([...begun.losses, ...finished.losses]).toEqual(uninterrupted);
  });

  it('a run in one tab keeps another tab out of its directory, until it is closed', async () => {
    const { page, close } = await openBlank();
    // Of the same profile, as two tabs are.
    const opened = page.waitForEvent('popup');
    await page.evaluate(() => window.open(location.href));
    const holder = await opened;
    // Ends with the tab.
    const held = trainInPage(holder, { out: 'runs/a' }).catch(() => null);
    // `waitForFunction` would take the promise itself for a yes.
    await expect
      .poll(() => page.evaluate(async () => (await navigator.locks.query()).held?.length), {
        timeout: 60_000,
      })
      .toBeGreaterThan(0);
    expect(await trainInPage(page, { out: 'runs/a' })).toEqual({
      error: expect.stringMatching(/^usage: runs\/a.*another run, perhaps of another tab, works in it/),
    });
    await holder.close();
    await held;
    const { from, losses } = await trainInPage(page, { out: 'runs/a' });
    expect(losses).toEqual(uninterrupted.slice(from));
    await close();
  });
});
