/** Look and Take away of the page in Chromium: what they show and save is what the rows say, and what Node computes of them. */
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { unzipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { describeDrawn, withDataset } from '../../src/data/dataset.ts';
import { Encoder } from '../../src/page/encoder.ts';
import { closeChromium, type OpenPage, openPage } from './chromium.ts';
import { inRuntimes } from './in-every-runtime.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const IMAGE = join(ROOT, 'test/data/formats/pal.png');
const POLICY = `default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; img-src 'self' blob: data:`;
const HTML = `<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>look</title><link rel="icon" href="data:,"><main></main><script type="module" src="web-look.js"></script>`;
const SHOWN = 12;

type Rows = readonly (readonly number[])[];

let folder: string;
let open: OpenPage;
let page: Page;
let rows: { before: Rows; after: Rows };

/** A page as web/build.mjs builds it: the package lies beside it. */
async function buildPage(): Promise<void> {
  await build({
    entryPoints: [
      'test/runtimes/page/web-look.ts',
      'web/src/look/map-worker.ts',
      'web/src/take/machine-worker.ts',
    ],
    absWorkingDir: ROOT,
    outdir: folder,
    entryNames: '[name]',
    bundle: true,
    format: 'esm',
    splitting: true,
    target: 'es2022',
    external: ['./moco-web/*'],
    logLevel: 'warning',
  });
  await writeFile(join(folder, 'index.html'), HTML);
  await symlink(join(ROOT, 'dist'), join(folder, 'moco-web'));
}

async function save(label: string): Promise<Buffer> {
  const [download] = await Promise.all([page.waitForEvent('download'), page.click(`text=${label}`)]);
  return readFile(await download.path());
}

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** Similarities of what a column shows, and those of the nearest there are. */
async function expectNearest(side: 'before' | 'after', query: readonly number[], self: number | null) {
  const all = rows[side].map((row) => cosine(row, query));
  const best = all
    .filter((_, row) => row !== self)
    .sort((a, b) => b - a)
    .slice(0, SHOWN);
  const found = await page
    .locator(`.look-${side} [data-row]`)
    .evaluateAll((items) => items.map((item) => Number((item as HTMLElement).dataset.row)));
  expect(found).toHaveLength(SHOWN);
  expect(new Set(found).size).toBe(SHOWN);
  expect(found).not.toContain(self);
  // Float32 against float64: photos that are equally near may change places.
  for (const [place, row] of found.entries()) expect(all[row]).toBeCloseTo(best[place]!, 5);
}

await inRuntimes(['chromium'], () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'moco-web-look-'));
    await buildPage();
    open = await openPage('index.html', false, folder);
    page = open.page;
    await page.waitForSelector('.look-column', { timeout: 60_000 });
    rows = (await page.evaluate('harness.rows()')) as typeof rows;
  }, 120_000);
  afterAll(async () => {
    await page?.close();
    open?.server.close();
    await closeChromium();
    await rm(folder, { recursive: true, force: true });
  });

  it('shows neighbors before and after, and goes on from one of them', async () => {
    expect(rows.after).toHaveLength(48);
    expect(rows.before).not.toEqual(rows.after);
    await expectNearest('before', rows.before[0]!, 0);
    await expectNearest('after', rows.after[0]!, 0);
    const next = page.locator('.look-after [data-row]').first();
    const row = Number(await next.getAttribute('data-row'));
    await next.press('Enter');
    await page.locator(`.look-column:not(:has([data-row="${row}"]))`).nth(1).waitFor();
    await expectNearest('before', rows.before[row]!, row);
    await expectNearest('after', rows.after[row]!, row);
    // Ten classes of equal size in turn: guessing one is right for a tenth.
    await expect
      .poll(() => page.textContent('.look-scores'))
      .toMatch(/before training and \d+ % after.*: 10 %/);
  });

  it('goes through the grid by keyboard', async () => {
    await page.locator('.look-cell[aria-pressed="true"]').focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.textContent('.look-query')).toContain('image 1,');
  });

  it('saves an encoder that gives the same rows in Node, by which a given image finds what it finds here', async () => {
    await page.evaluate("harness.show('take')");
    const encoder = await Encoder.load(await save('Save encoder.onnx'), { backend: 'wasm', workers: 1 });
    try {
      const data = await describeDrawn(48, 8, 16, 0);
      const images = await withDataset(data.train, (set) =>
        Promise.all(Array.from({ length: 48 }, (_, i) => set.image(i))),
      );
      const inNode = await encoder.embed(images);
      const npy = await save('Save .npy');
      const length = 10 + npy.readUInt16LE(8);
      expect(npy.subarray(10, length).toString()).toContain("'shape': (48, 32)");
      const largest = Math.max(
        ...inNode.flatMap((row, i) =>
          [...row].map((x, j) => Math.abs(x - npy.readFloatLE(length + 4 * (i * 32 + j)))),
        ),
      );
      expect(npy.length).toBe(length + 4 * 48 * 32);
      expect(largest).toBeLessThan(1e-5);

      await page.evaluate("harness.show('look')");
      await page.waitForSelector('.look-column');
      await page.setInputFiles('.look-file', IMAGE);
      await expect
        .poll(() => page.textContent('[role=status].spoken'), { timeout: 20_000 })
        .toContain('pal.png');
      await expectNearest('after', [...(await encoder.embed(IMAGE))], null);
    } finally {
      await encoder.dispose();
    }
  });

  it('finds the pairs above a threshold, and saves those that are selected', async () => {
    await page.click('role=tab[name="Duplicates"]');
    const threshold = 0.9;
    await page.fill('#look-threshold', String(threshold));
    const all = rows.after.flatMap((row, i) => rows.after.slice(i + 1).map((other) => cosine(row, other)));
    const sure = all.filter((similarity) => similarity >= threshold + 1e-5).length;
    const most = all.filter((similarity) => similarity >= threshold - 1e-5).length;
    expect(sure).toBeGreaterThan(1);
    const told = () => page.textContent('.look-duplicates [role=status]');
    await expect
      .poll(async () => Number.parseInt((await told())!.replace(',', ''), 10))
      .toBeGreaterThanOrEqual(sure);
    expect(Number.parseInt((await told())!.replace(',', ''), 10)).toBeLessThanOrEqual(most);
    await page.locator('.look-pairs input').first().check();
    const lines = (await save('Export the selected')).toString().trim().split('\r\n');
    expect(lines).toHaveLength(2);
    expect(Number(lines[1]!.split(',').at(-1))).toBeCloseTo(Math.max(...all), 5);
  });

  it('lays the map out in a worker of its own', async () => {
    await page.click('role=tab[name="Map"]');
    await expect
      .poll(() => page.textContent('.look-map-panel [role=status]'), { timeout: 20_000 })
      .toMatch(/^Near/);
    expect(
      page
        .workers()
        .map((worker) => worker.url())
        .filter((url) => url.endsWith('map-worker.js')),
    ).toEqual([]);
  });

  it('saves a checkpoint that Node loads', async () => {
    await page.evaluate("harness.show('take')");
    for (const [path, bytes] of Object.entries(unzipSync(await save('Save run.zip')))) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), bytes);
    }
    const { state, skipped } = await loadCheckpoint(join(folder, 'page'));
    expect(state.step).toBe(6);
    expect(skipped).toEqual([]);
    expect(open.errors).toEqual([]);
  });
});
