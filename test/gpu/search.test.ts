/** `Encoder` and `Index` on WebGPU, against wasm. */
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { exportOnnx } from '../../src/models/export-onnx.ts';
import { Encoder } from '../../src/page/encoder.ts';
import { Index } from '../../src/page/search-index.ts';
import type { EncoderSource } from '../../src/search/encoder-source.ts';
import { FILES, photosRun } from '../search/photos-run.ts';

let run: string;
beforeAll(async () => {
  run = await photosRun();
});
afterAll(() => rm(run, { recursive: true, force: true }));

async function rowsOn(backend: 'wasm' | 'webgpu', source: EncoderSource): Promise<Float32Array[]> {
  const encoder = await Encoder.load(source, { backend, workers: 1, features: 'head' });
  try {
    expect(encoder.backend).toBe(backend);
    return await encoder.embed(FILES);
  } finally {
    await encoder.dispose();
  }
}

it('an exported encoder embeds the same as on wasm', async () => {
  const file = exportOnnx(await loadCheckpoint(run), 'head');
  const expected = await rowsOn('wasm', file);
  const rows = await rowsOn('webgpu', file);
  expect(rows).toHaveLength(expected.length);
  for (const [i, row] of rows.entries()) {
    const off = row.map((value, j) => Math.abs(value - expected[i]![j]!));
    // Rows have length 1.
    expect(Math.max(...off)).toBeLessThan(1e-4);
  }
});

it('an index finds the same', async () => {
  const rows = await rowsOn('wasm', run);
  const found = [];
  for (const backend of ['wasm', 'webgpu'] as const) {
    await using index = await Index.from([...rows, rows[1]!], { backend });
    const matches = await index.search(rows[1]!, 4);
    const pairs = await index.duplicates(0.9999);
    found.push({ matches: matches.map(({ index: row }) => row), pairs: pairs.map(({ indices }) => indices) });
  }
  expect(found[0]!.pairs).toContainEqual([1, 6]);
  expect(found[1]).toEqual(found[0]);
});
