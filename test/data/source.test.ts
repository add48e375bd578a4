/** A source of one's own: what a new file in src/data/sources/ has to do, and that nothing else has to know of it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { describeAmong, openDataset } from '../../src/data/dataset.ts';
import { ViewLoader } from '../../src/data/load/loader.ts';
import { kindsAtPaths, SOURCES } from '../../src/data/sources/registry.ts';
import type { DatasetSpec, Source } from '../../src/data/sources/source.ts';
import { STREAMS } from '../../src/random.ts';

interface PaletteSpec extends DatasetSpec {
  readonly colors: readonly (readonly number[])[];
}

/** One-colored images, listed in a file whose name ends in .palette. */
const palette: Source<PaletteSpec> = {
  kind: 'palette',
  decodes: false,
  atPath: {
    claims: ({ path, kind }) => kind === 'file' && path.endsWith('.palette'),
    async find({ path }) {
      const { readFileSync } = await import('node:fs');
      const colors = JSON.parse(readFileSync(path, 'utf8'));
      return { train: { kind: 'palette', colors }, test: null, classes: ['dark', 'light'], imageSize: 8 };
    },
  },
  async open({ colors }) {
    return {
      length: colors.length,
      labels: Int32Array.from(colors, ([red]) => (red! < 128 ? 0 : 1)),
      name: (i) => `color ${i}`,
      image: async (i) => ({ width: 8, height: 8, data: Uint8Array.from({ length: 192 }, (_, at) => colors[i]![at % 3]!) }),
      close: () => {},
    };
  },
};

/** Its images are named by nothing that lies anywhere. */
const gray: Source<DatasetSpec & { readonly count: number }> = {
  kind: 'gray',
  decodes: false,
  open: ({ count }) => palette.open({ kind: 'palette', colors: Array.from({ length: count }, (_, i) => [i, i, i]) }),
};

const sources = [gray, palette, ...SOURCES];
const folder = mkdtempSync(join(tmpdir(), 'moco-web-source-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a source of the test', () => {
  test('is found by what lies at a path, described, and views are made of it', async () => {
    const path = join(folder, 'some.palette');
    writeFileSync(path, '[[250, 0, 0], [10, 20, 30], [200, 200, 200]]');
    expect(kindsAtPaths(sources)).toContain('palette');
    const found = await describeAmong(sources, path, 'auto');
    expect(found).toMatchObject({ kind: 'palette', path, trainLength: 3, testLength: 0, imageSize: 8 });
    expect(found).toMatchObject({ classes: ['dark', 'light'], trainLabels: Int32Array.of(1, 0, 1) });
    expect(await describeAmong(sources, path, 'palette')).toEqual(found);
    // As a worker gets it.
    const loader = await ViewLoader.open(structuredClone(found.train), 'v2', 8, 1, sources);
    const { images, indices } = await loader.views(0, [2, 0], STREAMS.firstView);
    expect([...indices]).toEqual([2, 0]);
    expect(images.length).toBe(2 * 3 * 64);
    expect(images.every(Number.isFinite)).toBe(true);
    loader.close();
  });

  test('need not lie at a path', async () => {
    const spec = { kind: 'gray', count: 4 };
    const dataset = await openDataset(spec, sources);
    expect(dataset.length).toBe(4);
    await expect(openDataset(spec)).rejects.toMatchObject({ code: 'usage' });
    expect(kindsAtPaths(sources)).not.toContain('gray');
    const refused = describeAmong(sources, folder, 'gray');
    await expect(refused).rejects.toMatchObject({ code: 'usage' });
  });

  test('where no source knows what lies there, that is told', async () => {
    const refused = describeAmong([gray, palette], folder, 'auto');
    await expect(refused).rejects.toMatchObject({
      code: 'data-invalid',
      message: expect.stringContaining('(palette)'),
    });
  });

  test('no two sources have one name', () => {
    const kinds = SOURCES.map(({ kind }) => kind);
    expect(new Set(kinds).size).toBe(kinds.length);
  });
});
