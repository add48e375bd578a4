/** `Encoder` and `Index` give in every runtime, and on a page's own thread, what they give in Node. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryFolder } from '../checkpoint/example.ts';
import { callInDeno, callInNode, callInPage } from './call.ts';
import { inRuntimes } from './in-every-runtime.ts';
import { closeBrowsers, openPageIn, type PageRuntime } from './runtimes.ts';

const PROGRAM = 'test/runtimes/encoder-run.mjs';
const BLANK = 'test/runtimes/page/blank.html';
const IMAGE = 'test/data/formats/pal.png';
const PATH = fileURLToPath(new URL(`../../${IMAGE}`, import.meta.url));

interface Searched {
  told: { dim: number; features: string };
  rows: number[][];
  codes: string[];
  found: { matches: { name: string }[]; pairs: { names: string[] }[] };
}

let folder: string;
let expected: Searched;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'moco-web-search-'));
  expected = await callInNode<Searched>(PROGRAM, 'searched', folder, PATH);
  expect(expected.told).toMatchObject({ dim: 16, features: 'head', imageSize: 16, notes: [] });
  expect(expected.rows.flat().every(Number.isFinite)).toBe(true);
  expect(expected.codes).toEqual([
    ...['image-corrupt', 'data-missing', 'usage'],
    ...['data-missing', 'model-invalid', 'data-missing', 'usage', 'usage'],
  ]);
  expect(expected.found.matches).toHaveLength(3);
  expect(expected.found.pairs[0]?.names).toEqual(['c', 'h']);
});
afterAll(async () => {
  await closeBrowsers();
  await rm(folder, { recursive: true, force: true });
});

await inRuntimes(['deno'], () => {
  it('gives the bits of Node', async () => {
    expect(await callInDeno(PROGRAM, 'searched', await temporaryFolder(), PATH)).toEqual(expected);
  });
});

await inRuntimes(['chromium', 'chromium isolated', 'firefox'], (runtime) => {
  it("gives the bits of Node on a page's own thread, of whatever a page shows", async () => {
    const { page, server, errors } = await openPageIn(runtime as PageRuntime, BLANK);
    try {
      expect(await callInPage(page, PROGRAM, 'searched', 'runs/search', `/${IMAGE}`)).toEqual(expected);
      const { forms, ...shown } = await callInPage<{ forms: string[] }>(
        page,
        PROGRAM,
        'shown',
        'runs/search',
        `/${IMAGE}`,
      );
      expect(forms).toEqual(
        expect.arrayContaining(['element', 'bitmap', 'canvas', 'offscreen', 'imageData']),
      );
      expect(shown).toEqual({ differing: [], kept: true, code: 'image-corrupt', dim: 32 });
      expect(errors).toEqual([]);
    } finally {
      await page.close();
      server.close();
    }
  });
});
