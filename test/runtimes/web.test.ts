/**
 * The page of web/ in Chromium while it trains on drawn images: it stays free and does not grow. For longer than a minute:
 * MOCO_WEB_MINUTES=10. Figures are kept in web/pictures.
 */
import { readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { closeChromium } from './chromium.ts';
import { inRuntimes } from './in-every-runtime.ts';
import { tinyModel } from './tiny-model.ts';
import {
  dropPath,
  folderOfJpegs,
  keepFigures,
  layoutShift,
  NONE,
  openWeb,
  PATIENCE,
  type Served,
  serveWeb,
  waitForStep,
} from './web-page.ts';

const MINUTES = Number(process.env.MOCO_WEB_MINUTES ?? 0.5);
const LONG = (MINUTES + 5) * 60_000;
/** Milliseconds. */
const SAMPLE = 5000;
const LONGEST_TASK = 50;

let served: Served;
beforeAll(async () => {
  served = await serveWeb();
});
afterAll(async () => {
  await closeChromium();
  served.server.close();
});

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

/** MiB of all pages of the browser with their workers. */
async function residentMemory(page: Page): Promise<number> {
  const session = await page.context().browser()!.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const pages = processInfo.filter(({ type }) => type === 'renderer');
  const sizes = pages.map(async ({ id }) =>
    Number((await readFile(`/proc/${id}/statm`, 'utf8')).split(' ')[1]),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0) / 256;
}

/** How much a line through the values rises, from its beginning to its end. */
function rise(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const [over, under] = values.reduce(
    ([a, b], value, i) => [a + (i - middle) * (value - mean), b + (i - middle) ** 2],
    [0, 0],
  );
  return (over / under) * (values.length - 1);
}

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds of a processor, where the event is of a task. */
  readonly tdur?: number;
  readonly args: { readonly name?: string };
}

/** Milliseconds of a processor that each task of the page's own thread takes: other work on the machine does not count. */
async function tasksOf(page: Page, milliseconds: number): Promise<number[]> {
  const browser = page.context().browser()!;
  await browser.startTracing(page, { categories: ['toplevel'] });
  await page.waitForTimeout(milliseconds);
  const trace = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const named = trace.traceEvents.filter(
    ({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain',
  );
  const main = new Set(named.map(({ pid, tid }) => `${pid} ${tid}`));
  return trace.traceEvents
    .filter(({ name, ph, pid, tid }) => ph === 'X' && name.endsWith('RunTask') && main.has(`${pid} ${tid}`))
    .map(({ tdur }) => (tdur ?? Number.NaN) / 1000);
}

await inRuntimes(['chromium'], () => {
  it(
    'stays free and does not grow while it trains; stops, and goes on from there',
    async () => {
      const { page, complaints } = await openWeb(served);
      const button = (name: string) => page.getByRole('button', { name, exact: true });
      await page.getByText(/this page works without a network/).waitFor(PATIENCE);
      await button('Try it now').click();
      await page.getByText('More', { exact: true }).click();
      await page.getByLabel('Compute with').selectOption('wasm');
      await page.getByLabel('Minutes').fill(String(20 * MINUTES));
      await page.getByLabel('Minutes').blur();
      await page.getByText(/about \d+ minutes on wasm/).waitFor();
      served.asked();
      await button('Train').click();
      await page.waitForURL(/#learn$/);
      // Two checkpoints: all that is loaded once is there.
      await waitForStep(page, 10);
      await page.evaluate(`
      globalThis.frames = [];
      let last = performance.now();
      const frame = (now) => { frames.push(now - last); last = now; requestAnimationFrame(frame); };
      requestAnimationFrame(frame);`);
      const memory: number[] = [];
      const tasks: number[] = [];
      for (const end = Date.now() + 60_000 * MINUTES; Date.now() < end; ) {
        memory.push(await residentMemory(page));
        tasks.push(...(await tasksOf(page, SAMPLE)));
      }
      const [steps] = await waitForStep(page, 0);
      const frames = (await page.evaluate('frames')) as number[];
      const longest = tasks.sort((a, b) => b - a).slice(0, 5);
      frames.sort((a, b) => a - b);
      const figures = {
        ...{ minutes: MINUTES, steps, tasks: tasks.length, longest },
        ...{ medianFrame: frames[frames.length >> 1], frame99: frames[Math.floor(0.99 * frames.length)] },
        ...{ memory: memory.map(Math.round), rise: rise(memory) },
        layoutShift: await layoutShift(page),
      };
      console.log(`${JSON.stringify(figures)}`);
      await keepFigures('while-training', figures);
      expect(tasks.length).toBeGreaterThan(100);
      expect(longest.filter((duration) => !(duration < LONGEST_TASK))).toEqual([]);
      // Of Start, and of Learn for a minute. What people call still is below a tenth of the screen.
      expect(figures.layoutShift).toBeLessThan(0.1);
      // MiB: collections come when they come, of 90 at a time as has been seen; what a run keeps for ever is a few numbers a step.
      expect(figures.rise).toBeLessThan(128);

      const stopped = await stop(page);
      expect(stopped).toBeGreaterThanOrEqual(steps);
      await button('Go on from what is kept').click();
      await waitForStep(page, stopped + 1);
      expect(await stop(page)).toBeGreaterThan(stopped);
      const start = `import('./moco-web/index.js').then(async ({ loadCheckpoint }) =>
      (await loadCheckpoint('runs/page-start')).state.step)`;
      expect(await page.evaluate(start)).toBe(1);
      // The host is asked once: all is kept from then on. Whether there is a newer service worker, the browser asks when it likes.
      expect(served.asked().filter((path) => !path.endsWith('/service-worker.js'))).toEqual([]);
      expect(complaints).toEqual(NONE);
      await page.close();
    },
    LONG,
  );

  it('takes the binaries of CIFAR-10 and photos that are dropped, and says what is too few', async () => {
    const { page, complaints } = await openWeb(served);
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
    expect(complaints).toEqual(NONE);
    await page.close();
  });

  it('trains five steps on WebGPU, beginning with an ONNX file', async () => {
    const folder = await folderOfJpegs(40);
    const { page, complaints } = await openWeb(served);
    try {
      await page.getByText(/nothing is uploaded/).waitFor(PATIENCE);
      await dropPath(page, folder);
      await page.getByText('More', { exact: true }).click();
      await page.getByLabel('Compute with').selectOption('webgpu');
      const [chooser] = await Promise.all([
        page.waitForEvent('filechooser'),
        page.getByLabel('Begin with').selectOption('file'),
      ]);
      await chooser.setFiles({
        ...{ name: 'tiny.onnx', mimeType: 'application/octet-stream' },
        buffer: Buffer.from(tinyModel()),
      });
      await page.getByText(/on webgpu/).waitFor(PATIENCE);
      await page.getByText(/there is no BatchNorm/).waitFor(PATIENCE);
      await page.getByRole('button', { name: 'Train', exact: true }).click();
      await waitForStep(page, 5);
      await stop(page);
      const config = `import('./moco-web/index.js').then(async ({ loadCheckpoint }) => {
        const { state } = await loadCheckpoint('runs/page');
        return [state.config.arch, state.backend];
      })`;
      expect(await page.evaluate(config)).toEqual(['tiny.onnx', 'webgpu']);
      expect(complaints).toEqual(NONE);
    } finally {
      await page.close();
      await rm(dirname(folder), { recursive: true });
    }
  });
});
