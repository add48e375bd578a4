/** The page of web/, built and served as `npm run web` does, in Chromium: trains on drawn images, pauses, and goes on after a reload. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { serve } from '../../web/serve.mjs';
import { closeChromium, openAddress } from './chromium.ts';
import { inRuntimes } from './in-every-runtime.ts';

const BUILD = fileURLToPath(new URL('../../web/build.mjs', import.meta.url));
const STEP = /step (\d+) of (\d+)/;
const PATIENCE = { timeout: 240_000 };

let server: Awaited<ReturnType<typeof serve>>;
beforeAll(async () => {
  execFileSync(process.execPath, [BUILD]);
  server = await serve();
});
afterAll(async () => {
  await closeChromium();
  server.server.close();
});

/** All that a page says and asks for and should not. */
interface Complaints {
  readonly errors: string[];
  readonly elsewhere: string[];
}

async function openWeb(): Promise<{ page: Page; complaints: Complaints }> {
  const page = await openAddress('about:blank');
  const complaints: Complaints = { errors: [], elsewhere: [] };
  page.on('pageerror', ({ message }) => complaints.errors.push(message));
  // Violations of the content security policy are among the errors of the console.
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.errors.push(message.text());
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!/^(data|blob):/.test(url) && !url.startsWith(server.address)) complaints.elsewhere.push(url);
  });
  await page.goto(server.address);
  return { page, complaints };
}

/** Steps done, and in all, as the page tells them. */
async function waitForStep(page: Page, least: number): Promise<[done: number, all: number]> {
  const place = page.getByText(STEP).first();
  const told = async () => (STEP.exec((await place.textContent()) ?? '') ?? []).slice(1).map(Number);
  await expect
    .poll(async () => (await told())[0] ?? 0, { ...PATIENCE, interval: 200 })
    .toBeGreaterThanOrEqual(least);
  return (await told()) as [number, number];
}

/** @returns after how many steps the run says that it has stopped */
async function stop(page: Page): Promise<number> {
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  const said = page.getByText(/Stopped after \d+ steps/).first();
  await said.waitFor(PATIENCE);
  return Number(/\d+/.exec((await said.textContent())!)![0]);
}

/** Drops files on the page. @param files text of a list of them */
const drop = (page: Page, files: string) =>
  page.evaluate(`(async () => {
    const pngFile = async (name) => {
      const canvas = new OffscreenCanvas(64, 64);
      canvas.getContext('2d').fillRect(0, 0, 32, 64);
      return new File([await canvas.convertToBlob()], name);
    };
    const dataTransfer = new DataTransfer();
    for (const file of ${files}) dataTransfer.items.add(file);
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
  })()`);

/** Where a run rests: it takes no step for so long as it took several before. */
async function restingStep(page: Page): Promise<number> {
  for (let before = -1, reading = 0; reading < 5; reading++) {
    const [step] = await waitForStep(page, 0);
    if (step === before) return step;
    before = step;
    await page.waitForTimeout(8000);
  }
  throw new Error('the run goes on after Pause');
}

await inRuntimes(['chromium'], () => {
  it('trains on drawn images, pauses, and goes on after a reload', async () => {
    const { page, complaints } = await openWeb();
    const button = (name: string) => page.getByRole('button', { name, exact: true });
    await button('Try it now').click();
    await page.getByText('More', { exact: true }).click();
    await page.getByLabel('Compute with').selectOption('wasm');
    await page.getByLabel('Minutes').fill('1');
    await page.getByLabel('Minutes').blur();
    await page.getByText(/about 1 minute on wasm/).waitFor();
    await button('Train').click();
    expect(new URL(page.url()).hash).toBe('#learn');

    // As of the fifth there is a checkpoint.
    await waitForStep(page, 5);
    await page.getByText(/Kept in this browser as of step \d+/).waitFor(PATIENCE);
    await button('Pause').click();
    await page.getByText('Paused', { exact: true }).first().waitFor();
    // Steps under way are finished; then none follows.
    const [, all] = await waitForStep(page, 5);
    const paused = await restingStep(page);
    const kept = Number(/step (\d+):/.exec(await page.getByText(/Kept in this browser/).innerText())![1]);
    expect(kept).toBe(paused - (paused % 5));

    await page.goto(`${server.address}#start`);
    await page.reload();
    await page.getByText(`as of step ${kept} of ${all}`).waitFor();
    await button('Go on').click();
    const [on, allOfIt] = await waitForStep(page, kept + 2);
    expect([on > kept, allOfIt]).toEqual([true, all]);

    const stopped = await stop(page);
    expect(stopped).toBeGreaterThanOrEqual(on);

    // And on again, in the same page.
    await button('Go on from what is kept').click();
    await waitForStep(page, stopped + 1);
    expect(await stop(page)).toBeGreaterThan(stopped);
    const start = `import('./moco-web/index.js').then(async ({ loadCheckpoint }) =>
      (await loadCheckpoint('runs/page-start')).state.step)`;
    expect(await page.evaluate(start)).toBe(1);
    expect(complaints).toEqual({ errors: [], elsewhere: [] });
    await page.close();
  });

  it('takes the binaries of CIFAR-10 and photos that are dropped, and says what is too few', async () => {
    const { page, complaints } = await openWeb();
    await page.getByText(/nothing is uploaded/).waitFor(PATIENCE);
    // 40 records: a label, then three planes of 32×32.
    const records = '{ length: 40 * 3073 }, (_, i) => (i % 3073 === 0 ? (i / 3073) % 10 : i % 251)';
    await drop(page, `[new File([Uint8Array.from(${records})], 'data_batch_1.bin')]`);
    await page.getByText('40 photos in 10 classes.').waitFor(PATIENCE);
    await expect.poll(() => page.getByRole('button', { name: 'Train', exact: true }).isEnabled()).toBe(true);
    await drop(page, `[new File(['no image'], 'broken.jpg'), await pngFile('one.png')]`);
    await page.getByText('1 photo.', { exact: true }).waitFor(PATIENCE);
    await page.getByText('1 file unreadable: show').click();
    await page.getByText(/broken.jpg: not a JPEG/).waitFor();
    await page.getByText(/too few for preset photos: it needs 32/).waitFor();
    expect(await page.getByRole('button', { name: 'Train', exact: true }).isEnabled()).toBe(false);
    expect(complaints).toEqual({ errors: [], elsewhere: [] });
    await page.close();
  });
});
