/** What happens to pages: the run in them goes on, or says why not. */
import { setTimeout } from 'node:timers/promises';
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

await inRuntimes(['chromium'], () => {
  it('page reloaded in a run → goes on from its last checkpoint, same digits', async () => {
    const { page, close } = await openBlank();
    const reachedStep5 = new Promise<void>((resolve) => {
      void page.exposeFunction('told', (step: number) => {
        if (step === 5) resolve();
      });
    });
    await page.evaluate(`import('/${PROGRAM}').then(({ train }) => {
      train({ out: 'run', checkpointEvery: 2 }, (step) => void told(step));
    })`);
    await reachedStep5;
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
    let reached = (): void => {};
    const second = new Promise<void>((resolve) => {
      reached = resolve;
    });
    await page.exposeFunction('told', (step: number) => {
      steps.push(step);
      if (step === 2) reached();
    });
    const run = page.evaluate<{ losses: number[] }>(
      `import('/${PROGRAM}').then(({ train }) => train({ out: 'run' }, (step) => void told(step)))`,
    );
    await second;
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Page.setWebLifecycleState', { state: 'frozen' });
    // What was told before.
    await setTimeout(300);
    const before = steps.length;
    // Longer than the steps take.
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
