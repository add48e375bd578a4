/** The page of web/ as people meet it: built, served under a sub-path with its policy, opened, given folders, looked at, checked. */
import { cp, mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { encodeJpeg } from '../../src/data/pictures/encode-jpeg.ts';
import { drawImage } from '../../src/data/sources/drawn.ts';
import { serve } from '../../web/serve.mjs';
import { openAddress } from './chromium.ts';

export const STEP = /step (\d+) of (\d+)/;
/** A machine may do other things, too. */
export const PATIENCE = { timeout: 240_000 };

export interface Served {
  readonly server: Server;
  readonly address: string;
  /** Since it was asked last: paths. */
  asked(): string[];
}

/** Served as `npm run web` does, at a path that is not the host's. It was built before (build-web.mjs). */
export async function serveWeb(): Promise<Served> {
  const { server, address } = await serve(0, '/of/somebody/');
  let paths: string[] = [];
  server.on('request', ({ url }) => paths.push(url ?? ''));
  return {
    server,
    address,
    asked() {
      const all = paths;
      paths = [];
      return all;
    },
  };
}

/** All that a page says and asks for and should not. */
export interface Complaints {
  readonly errors: string[];
  readonly elsewhere: string[];
}
export const NONE: Complaints = { errors: [], elsewhere: [] };

export async function openWeb({ address }: Served): Promise<{ page: Page; complaints: Complaints }> {
  const page = await openAddress('about:blank');
  const complaints: Complaints = { errors: [], elsewhere: [] };
  page.on('pageerror', ({ message }) => complaints.errors.push(message));
  // Violations of the content security policy are among the errors of the console.
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.errors.push(message.text());
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!/^(data|blob):/.test(url) && !url.startsWith(address)) complaints.elsewhere.push(url);
  });
  await page.goto(address);
  return { page, complaints };
}

/** Steps done, and in all, as the page tells them. */
export async function waitForStep(page: Page, least: number): Promise<[done: number, all: number]> {
  const place = page.getByText(STEP).first();
  const told = async () => (STEP.exec((await place.textContent()) ?? '') ?? []).slice(1).map(Number);
  await expect
    .poll(async () => (await told())[0] ?? 0, { ...PATIENCE, interval: 200 })
    .toBeGreaterThanOrEqual(least);
  return (await told()) as [number, number];
}

/** A folder of JPEG files on the disk, one folder a class of drawn images, with files that are none. */
export async function folderOfJpegs(count: number): Promise<string> {
  const folder = join(await mkdtemp(join(tmpdir(), 'moco-web-jpegs-')), 'shapes');
  for (let i = 0; i < count; i++) {
    const of = join(folder, `shape ${i % 4}`);
    await mkdir(of, { recursive: true });
    // The kind of a drawn image is its number modulo ten.
    const image = drawImage({ size: 32, seed: 3, split: 'train' }, 10 * i + (i % 4));
    await writeFile(join(of, `${String(i).padStart(3, '0')}.jpg`), await encodeJpeg(image, 90));
  }
  await writeFile(join(folder, 'notes.txt'), 'no image');
  await writeFile(join(folder, 'shape 1', 'list.csv'), 'no image');
  return folder;
}

/** The same files, in the order in which the page has them. */
export async function filesIn(folder: string): Promise<string[]> {
  const all = (await readdir(folder, { recursive: true })).map(String).sort();
  return all.filter((name) => name.endsWith('.jpg')).map((name) => join(folder, name));
}

/** Copies of a folder that nobody may change. */
export async function copyOf(folder: string): Promise<string> {
  const copy = join(await mkdtemp(join(tmpdir(), 'moco-web-photos-')), basename(folder));
  await cp(folder, copy, { recursive: true });
  return copy;
}

/** Drops a file or folder of the disk on the page, as a file manager does. */
export async function dropPath(page: Page, path: string): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await session.send('Input.dispatchDragEvent', { type, x: 300, y: 300, data });
  }
}

/** Cumulative layout shift since the page was loaded: what moves without having been asked to, as shares of the screen. */
export function layoutShift(page: Page): Promise<number> {
  return page.evaluate(`new Promise((give) => {
    let sum = 0;
    new PerformanceObserver((list) => {
      for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) sum += value;
    }).observe({ type: 'layout-shift', buffered: true });
    setTimeout(() => give(sum), 100);
  })`);
}

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** What axe-core finds against WCAG 2 A and AA in what is shown, in light and in dark. */
export async function axeFindings(page: Page): Promise<string[]> {
  await page.evaluate(await readText(AXE));
  const found = new Set<string>();
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    const findings =
      await page.evaluate(`axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] })
      .then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) =>
        id + ': ' + html.slice(0, 160) + ' ' + failureSummary.slice(0, 300))))`);
    for (const finding of findings as string[]) found.add(`${colorScheme}: ${finding}`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  return [...found];
}

async function readText(path: string): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  return readFile(path, 'utf8');
}

/** Figures and pictures for people to look at; git ignores it. */
const PICTURES =
  process.env.MOCO_SCREENSHOTS ?? fileURLToPath(new URL('../../web/pictures', import.meta.url));

export async function keepFigures(name: string, figures: object): Promise<void> {
  await mkdir(PICTURES, { recursive: true });
  await writeFile(join(PICTURES, `${name}.json`), JSON.stringify(figures, null, 2));
}

const SHAPES = [
  ['light', 'light', { width: 1280, height: 860 }],
  ['dark', 'dark', { width: 1280, height: 860 }],
  ['phone', 'light', { width: 390, height: 844 }],
] as const;

/** Pictures of what is shown, light, dark and on a phone. */
export async function pictures(page: Page, name: string): Promise<void> {
  for (const [shape, colorScheme, size] of SHAPES) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(size);
    // Curves and the map are drawn anew.
    await page.waitForTimeout(300);
    // Nothing is wider than the screen.
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
    await page.screenshot({ path: join(PICTURES, `${name}-${shape}.png`), fullPage: shape !== 'dark' });
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(SHAPES[0][2]);
}
