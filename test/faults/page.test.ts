/** What happens to pages: the run in them goes on, or says why not. */
import { setTimeout } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  openBlank,
  PROGRAM,
  STEPS,
  storedFiles,
  trainInPage,
  undisturbed,
} from '../runtimes/checkpointed.ts';
import { closeChromium, openFreezablePage } from '../runtimes/chromium.ts';
import { inRuntimes } from '../runtimes/in-every-runtime.ts';

let uninterrupted: number[] = [];
beforeAll(async () => {
  uninterrupted = await undisturbed();
});
afterAll(closeChromium);

/**
 * Gives the page a function `told`, to be called after each step and waited for: it notes the step in `steps`. From step
 * `at` on steps take longer, lest the run ends before its fault comes on a busy machine.
 * @returns a function that waits for that step
 */
async function listen(page: Page, at: number, steps: number[] = []): Promise<() => Promise<void>> {
  let tell = (): void => {};
  const reached = new Promise<void>((resolve) => {
    tell = resolve;
  });
  await page.exposeFunction('told', async (step: number) => {
    steps.push(step);
    if (step === at) tell();
    if (step >= at) await setTimeout(150);
  });
  return () => reached;
}

await inRuntimes(['chromium'], () => {
  it('page reloaded in a run → goes on from its last checkpoint, same digits', async () => {
    const { page, close } = await openBlank();
    const reached = await listen(page, 5);
    await page.evaluate(`import('/${PROGRAM}').then(({ train }) => {
      train({ out: 'run', checkpointEvery: 2 }, told);
    })`);
    await reached();
    await page.reload();
    const finished = await trainInPage(page, { out: 'run' });
    await close();
    expect(finished.error).toBeUndefined();
    expect(finished.from).toBeGreaterThanOrEqual(4);
    expect(finished.from).toBeLessThan(STEPS);
    expect(finished.from % 2).toBe(0);
    expect(finished.losses).toEqual(uninterrupted.slice(finished.from));
  });

  it('page frozen in the background → goes on when it is thawed, same digits', async () => {
    const { page, close } = await openFreezablePage('test/runtimes/page/blank.html');
    const steps: number[] = [];
    const reached = await listen(page, 2, steps);
    const run = page.evaluate<{ losses: number[] }>(
      `import('/${PROGRAM}').then(({ train }) => train({ out: 'run' }, told))`,
    );
    await reached();
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Page.setWebLifecycleState', { state: 'frozen' });
    // What was told before.
    await setTimeout(300);
    const before = steps.length;
    // Time for several steps.
    await setTimeout(2500);
    expect(steps).toHaveLength(before);
    expect(before).toBeLessThan(STEPS);
    await devtools.send('Page.setWebLifecycleState', { state: 'active' });
    const { losses } = await run;
    await close();
    expect(losses).toEqual(uninterrupted);
  });

  it('storage of a page full → write-failed, earlier checkpoints stay', async () => {
    const { page, close } = await openBlank();
    await trainInPage(page, { out: 'run', steps: 2 });
    const before = await storedFiles(page);
    const usage = await page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);
    const devtools = await page.context().newCDPSession(page);
    const { origin } = new URL(page.url());
    await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: usage + 1000 });
    const { error } = await trainInPage(page, { out: 'run', steps: 4 });
    expect(error).toMatch(
      /^write-failed: cannot write checkpoint step-000004 in run: the storage of this page is full, with \d+ MiB used of \d+ MiB; earlier checkpoints are untouched/,
    );
    expect(await storedFiles(page)).toEqual(before);
    await devtools.send('Storage.overrideQuotaForOrigin', { origin });
    const rest = await trainInPage(page, { out: 'run' });
    await close();
    expect(rest.losses).toEqual(uninterrupted.slice(2));
  });
});
