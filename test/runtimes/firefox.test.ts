/** What pages do in Firefox, another engine from compiler to storage, by the programs of the tests in Chromium. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryFolder } from '../checkpoint/example.ts';
import { callInNode, callInPage } from './call.ts';
import { PROGRAM as CHECKPOINTED, STEPS, undisturbed } from './checkpointed.ts';
import { openFirefoxPage } from './firefox.ts';
import { inRuntimes } from './in-every-runtime.ts';
import { closeBrowsers } from './runtimes.ts';

const PAGE_THREAD = 'test/runtimes/page-thread-run.mjs';
const BLANK = 'test/runtimes/page/blank.html';

let uninterrupted: number[] = [];
beforeAll(async () => {
  uninterrupted = await undisturbed();
});
afterAll(closeBrowsers);

await inRuntimes(['firefox'], () => {
  it('trains, reads and writes checkpoints and ONNX files in workers, with the bits of Node', async () => {
    const { page, errors } = await openFirefoxPage(BLANK, false);
    const outcome = await callInPage(page, PAGE_THREAD, 'filesOf', 'run');
    expect(errors).toEqual([]);
    expect(outcome).toEqual(await callInNode(PAGE_THREAD, 'filesOf', await temporaryFolder()));
    await page.close();
  });

  it('a page reloaded in a run goes on from its last checkpoint, same digits', async () => {
    const { page } = await openFirefoxPage(BLANK, false);
    // What is called after a step is waited for: the run stands still.
    await page.evaluate(`import('/${CHECKPOINTED}').then(({ train }) => new Promise((reached) => {
      const told = (step) => step === 5 && new Promise(() => reached());
      void train({ out: 'run', checkpointEvery: 2 }, told);
    }))`);
    await page.reload();
    const finished = await callInPage<{ from: number; losses: number[] }>(page, CHECKPOINTED, 'train', {
      out: 'run',
    });
    expect(finished.from).toBeGreaterThanOrEqual(4);
    expect(finished.from).toBeLessThan(STEPS);
    expect(finished.losses).toEqual(uninterrupted.slice(finished.from));
    await page.close();
  });
});
