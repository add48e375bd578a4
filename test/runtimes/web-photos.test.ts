/**
 * A folder of photos through the page, from the drop to the encoder in Node, without a network after the first visit. Of another
 * folder, for longer: MOCO_WEB_PHOTOS=FOLDER MOCO_WEB_TRAIN=MINUTES. Figures and pictures of it are kept in web/pictures, or in
 * MOCO_SCREENSHOTS=FOLDER.
 */
import { readFile, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Encoder } from '../../src/page/encoder.ts';
import { closeChromium } from './chromium.ts';
import { inRuntimes } from './in-every-runtime.ts';
import {
  axeFindings,
  type Complaints,
  copyOf,
  dropPath,
  filesIn,
  folderOfJpegs,
  keepFigures,
  NONE,
  openWeb,
  PATIENCE,
  pictures,
  type Served,
  serveWeb,
  waitForStep,
} from './web-page.ts';

const { MOCO_WEB_PHOTOS: GIVEN, MOCO_WEB_TRAIN: MINUTES = '0.1' } = process.env;
const COUNT = 64;
/** Trained at least; of them so many before the pause. */
const STEPS = 30;
const FIRST = 12;
const POLL = { timeout: 120_000, interval: 200 };
const LONG = GIVEN ? 3_600_000 : 300_000;

let served: Served;
let folder: string;
let page: Page;
let complaints: Complaints;
const figures: Record<string, unknown> = {};

const button = (name: string) => page.getByRole('button', { name, exact: true });
const go = (view: string) => page.click(`nav a[href="#${view}"]`);

async function timed(what: string, task: () => Promise<unknown>): Promise<void> {
  const start = performance.now();
  await task();
  figures[what] = Number(((performance.now() - start) / 1000).toFixed(2));
}

async function save(label: string): Promise<Buffer> {
  const [download] = await Promise.all([page.waitForEvent('download', PATIENCE), button(label).click()]);
  return readFile(await download.path());
}

async function neighborsShown(title: string): Promise<void> {
  await page.locator('.look-column h3', { hasText: title }).waitFor(PATIENCE);
}

await inRuntimes(['chromium'], () => {
  beforeAll(async () => {
    served = await serveWeb();
    folder = GIVEN ? await copyOf(GIVEN) : await folderOfJpegs(COUNT);
  }, 240_000);
  afterAll(async () => {
    await keepFigures('photos', figures);
    await page?.close();
    await closeChromium();
    served.server.close();
    await rm(dirname(folder), { recursive: true, force: true });
  });

  it('paints from under 100 kB, and keeps itself for times without a network', async () => {
    ({ page, complaints } = await openWeb(served));
    await page.getByRole('heading', { level: 1 }).waitFor();
    const paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null";
    await expect.poll(() => page.evaluate(paint)).not.toBeNull();
    const bytes = `performance.getEntriesByType('resource').filter(({ startTime }) => startTime < ${paint})
      .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, performance.getEntriesByType('navigation')[0].encodedBodySize)`;
    figures.bytesBeforeFirstPaint = await page.evaluate(bytes);
    expect(figures.bytesBeforeFirstPaint).toBeLessThan(100_000);
    await page.getByText(/this page works without a network/).waitFor(PATIENCE);
    figures.bytesKept = await page.evaluate(`caches.keys().then(async (names) => {
      const cache = await caches.open(names[0]);
      const all = await Promise.all((await cache.keys()).map(async (key) => (await (await cache.match(key)).blob()).size));
      return all.reduce((sum, size) => sum + size, 0);
    })`);
    expect(await axeFindings(page)).toEqual([]);
    await pictures(page, 'start');
    // From here on there is nobody to ask.
    served.server.close();
    served.server.closeAllConnections();
    await page.reload();
    await button('Try it now').waitFor();
  });

  it(
    'takes a folder that is dropped, says what is none of it, and searches it before any training',
    async () => {
      await page.getByText(/this page works without a network/).waitFor(PATIENCE);
      await dropPath(page, folder);
      if (!GIVEN) {
        await page
          .getByText(`${COUNT} photos in 4 classes. 2 files that are no images left out.`)
          .waitFor(PATIENCE);
      }
      await page.getByText(/^photos: /).waitFor(PATIENCE);
      expect(await axeFindings(page)).toEqual([]);
      await pictures(page, 'chosen');
      await timed('secondsToFirstSearch', async () => {
        await page.getByRole('link', { name: 'Search them first' }).click();
        await neighborsShown('By the encoder of this page');
      });
      await expect
        .poll(() => page.locator('.look-scores').textContent(), POLL)
        .toMatch(/by the encoder of this page/);
      figures.neighborsUntrained = await page.locator('.look-scores').textContent();
      await pictures(page, 'look-first');
    },
    LONG,
  );

  it(
    'trains, pauses, and goes on after a reload, asking for the folder again',
    async () => {
      await go('start');
      await page.getByText('More', { exact: true }).click();
      await page.getByLabel('Compute with').selectOption('wasm');
      await page.getByLabel('Minutes').fill(MINUTES);
      await page.getByLabel('Minutes').blur();
      await page.getByText(/minute on wasm|minutes on wasm/).waitFor(PATIENCE);
      figures.plan = await page.getByText(/^photos: /).textContent();
      await timed('secondsToFirstStep', async () => {
        await button('Train').click();
        await waitForStep(page, 1);
      });
      const [, all] = await waitForStep(page, FIRST);
      expect(all).toBeGreaterThanOrEqual(STEPS);
      await expect
        .poll(() => page.locator('.keys canvas').first().getAttribute('width'), POLL)
        .not.toBeNull();
      expect(await axeFindings(page)).toEqual([]);
      await pictures(page, 'learn');
      await button('Pause').click();
      await page.getByText('Paused', { exact: true }).first().waitFor(PATIENCE);
      const kept = page.getByText(/Kept in this browser as of step \d+/);
      await kept.waitFor(PATIENCE);

      // The browser asks anew after a reload, and only in a click, which nobody can answer here.
      await page.addInitScript(`
      globalThis.asked = [];
      FileSystemHandle.prototype.queryPermission = async () => asked.length === 0 ? 'prompt' : 'granted';
      FileSystemHandle.prototype.requestPermission = async function () {
        if (!navigator.userActivation.isActive) throw new DOMException('no click', 'SecurityError');
        asked.push(this.name);
        return 'granted';
      };`);
      await go('start');
      await page.reload();
      const said = await page.getByText(/as of step \d+ of \d+/).textContent();
      const step = Number(/step (\d+)/.exec(said!)![1]);
      expect(step).toBeGreaterThanOrEqual(5);
      await button('Go on').click();
      await waitForStep(page, step + 1);
      expect(await page.evaluate('asked')).toEqual([basename(folder)]);
      await page.getByText('Trained: look at what it found').first().waitFor({ timeout: LONG });
      figures.steps = (await waitForStep(page, STEPS))[0];
      await pictures(page, 'learned');
    },
    LONG,
  );

  it(
    'shows neighbors before and after, finds a dropped photo by itself, and compares other encoders',
    async () => {
      await go('look');
      await neighborsShown('Before training');
      await neighborsShown(`After ${(figures.steps as number).toLocaleString('en')} steps`);
      await expect
        .poll(() => page.locator('.look-scores').textContent(), POLL)
        .toMatch(/before training and \d+ %/);
      figures.neighbors = await page.locator('.look-scores').textContent();
      expect(await axeFindings(page)).toEqual([]);
      await pictures(page, 'look');
      const [photo] = (await filesIn(folder)).slice(7);
      await dropPath(page, photo!);
      await page
        .getByText(`Neighbors of ${basename(photo!)} are shown`)
        .waitFor({ ...PATIENCE, state: 'attached' });
      const first = page.locator('.look-after [data-row]').first();
      await expect.poll(() => first.getAttribute('title'), POLL).toContain(`${basename(photo!)},`);
      expect(Number(/likeness ([\d.]+)/.exec((await first.textContent())!)![1])).toBeCloseTo(1, 3);
      await page.getByLabel('Compared with').selectOption('starter');
      await neighborsShown('By the encoder of this page');
    },
    LONG,
  );

  it(
    'lays them out on a map, of which parts are selected',
    async () => {
      await page.getByRole('tab', { name: 'Map' }).click();
      const status = page.locator('.look-map-panel > [role=status]');
      await expect.poll(() => status.textContent(), POLL).toMatch(/^Near on the map/);
      await button('Lasso: select photos by drawing around them').click();
      const box = (await page.locator('.look-map').boundingBox())!;
      const corners = [
        [0.02, 0.02],
        [0.98, 0.02],
        [0.98, 0.98],
        [0.02, 0.98],
      ] as const;
      for (const [i, [x, y]] of corners.entries()) {
        await page.mouse.move(box.x + x * box.width, box.y + y * box.height, { steps: 4 });
        if (i === 0) await page.mouse.down();
      }
      await page.mouse.up();
      const selected = page.locator('[aria-label="Selected photos"] [role=status]');
      // Nearly all of them.
      expect(Number.parseInt((await selected.textContent())!.replace(',', ''), 10)).toBeGreaterThan(
        COUNT / 2,
      );
      expect(await axeFindings(page)).toEqual([]);
      await pictures(page, 'map');
      for (const tab of ['Duplicates', 'Odd ones out']) {
        await page.getByRole('tab', { name: tab }).click();
        await page.waitForTimeout(1500);
        await pictures(page, tab.toLowerCase().replaceAll(' ', '-'));
      }
    },
    LONG,
  );

  it(
    'gives an encoder that says the same in Node, and a report that stands alone',
    async () => {
      await go('take');
      const npy = await save('Save .npy');
      const encoder = await Encoder.load(await save('Save encoder.onnx'), { backend: 'wasm', workers: 1 });
      try {
        const start = 10 + npy.readUInt16LE(8);
        const paths = (await filesIn(folder)).filter((path) => !path.includes('/test/'));
        const rows = await encoder.embed(paths);
        expect(npy.length).toBe(start + 4 * paths.length * encoder.dim);
        const differences = rows.map((row, i) =>
          Math.max(...row.map((x, j) => Math.abs(x - npy.readFloatLE(start + 4 * (i * encoder.dim + j))))),
        );
        expect(Math.max(...differences)).toBeLessThan(1e-5);
      } finally {
        await encoder.dispose();
      }
      const report = (await save('Save report.html')).toString();
      expect(report).toContain(`${basename(folder)}`);
      expect(report).toContain('data:image/jpeg;base64,');
      expect(report).not.toMatch(/(src|href)="https?:/);
      await button('Time the processor').click();
      await page.getByText(/images\/s with augmentation/).waitFor(PATIENCE);
      figures.bench = await page.locator('.take-machine pre').textContent();
      expect(await axeFindings(page)).toEqual([]);
      await pictures(page, 'take');
    },
    LONG,
  );

  it('begins another run, and keeps of the one before its encoder to compare with', async () => {
    await go('start');
    page.once('dialog', (dialog) => void dialog.accept());
    await page.getByText(/^photos: /).waitFor(PATIENCE);
    await button('Train').click();
    await waitForStep(page, 1);
    await button('Stop').click();
    await page
      .getByText(/Stopped after \d+ steps?/)
      .first()
      .waitFor(PATIENCE);
    await go('look');
    await neighborsShown('Before training');
    await page.getByLabel('Compared with').selectOption('earlier');
    await neighborsShown(`The run before, after ${(figures.steps as number).toLocaleString('en')} steps`);
    expect(complaints).toEqual(NONE);
  }, 300_000);
});
