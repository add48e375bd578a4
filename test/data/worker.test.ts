import { STREAMS } from '../../src/random.ts';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { DataWorkerApi } from '../../src/data/load/data-worker.ts';
import { describeDataset } from '../../src/data/dataset.ts';
import type { ImageFolderSpec } from '../../src/data/sources/image-folder.ts';
import { ViewLoader } from '../../src/data/load/loader.ts';
import { WorkerPool } from '../../src/scheduler/pool.ts';

test.each([
  ['is shared', undefined],
  ['may not be shared, as in many pages', false],
])('two workers make the views of one thread where memory %s', async (_name, isolated) => {
  vi.stubGlobal('crossOriginIsolated', isolated);
  onTestFinished(() => void vi.unstubAllGlobals());
  const folder = fileURLToPath(new URL('./images', import.meta.url));
  const { train } = await describeDataset(folder);
  const { files } = train as ImageFolderSpec;
  // Posted as it is: a message shares the one, and copies the other.
  expect(files.bytes.buffer instanceof SharedArrayBuffer).toBe(isolated === undefined);
  expect(files.ends.buffer instanceof SharedArrayBuffer).toBe(isolated === undefined);
  const loader = await ViewLoader.open(train, 'v2', 24, 5);
  const pool = await WorkerPool.start<DataWorkerApi>('data-worker.js', 2, async (remote) => {
    await remote.open(train, 'v2', 24, 5);
  });
  try {
    const parts = [
      [0, 1, 2],
      [5, 4, 3],
    ];
    // The second time by workers that have taken the places of the first.
    for (const _time of [1, 2]) {
      const results = await Promise.all(
        parts.map((part) => pool.run('views', (remote) => remote.views(1, part, STREAMS.secondView))),
      );
      for (const [i, part] of parts.entries()) {
        const expected = await loader.views(1, part, STREAMS.secondView);
        expect(results[i]!.images).toEqual(expected.images);
        expect(results[i]!.indices).toEqual(expected.indices);
      }
      pool.renew();
    }
    const failure = pool.run('views', (remote) => remote.plain([99]));
    await expect(failure).rejects.toMatchObject({ code: 'usage' });
  } finally {
    await pool.dispose();
  }
});
