import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { describeDataset, describeDrawn } from '../../src/data/dataset.ts';
import { STREAMS } from '../../src/random.ts';
import { ViewPool } from '../../src/scheduler/view-pool.ts';
import { temporaryFolder } from '../checkpoint/example.ts';

const IMAGES = fileURLToPath(new URL('../data/images/', import.meta.url));

describe('ViewPool', () => {
  it('tells of each corrupt image once, whichever worker meets it and however often', async () => {
    const folder = await temporaryFolder();
    await mkdir(`${folder}/a`);
    for (const [i, name] of ['cat/0188.jpg', 'cat/0075.jpg', 'cat/0158.jpg'].entries()) {
      await copyFile(`${IMAGES}${name}`, `${folder}/a/${i}.jpg`);
    }
    await writeFile(`${folder}/a/3.jpg`, 'no picture');
    await writeFile(`${folder}/a/4.jpg`, new Uint8Array([0xff, 0xd8, 0xff]));
    const { train } = await describeDataset(folder);
    const pool = await ViewPool.start(train, { recipe: 'v1', imageSize: 16, seed: 1, workers: 2 });
    onTestFinished(() => pool.dispose());
    expect(pool.takeSkipped()).toEqual([]);
    const all = Uint32Array.of(0, 1, 2, 3, 4);
    const [views] = await Promise.all([
      pool.views(0, all, STREAMS.firstView),
      pool.views(0, all, STREAMS.secondView),
      pool.views(1, Uint32Array.of(3, 0), STREAMS.firstView),
      pool.plain(all),
    ]);
    expect(views.images.length).toBe(5 * 3 * 16 * 16);
    const told = pool.takeSkipped();
    expect(told.map(({ path }) => path.replace(/^.*\//, '')).toSorted()).toEqual(['3.jpg', '4.jpg']);
    expect(told.every(({ reason }) => reason.length > 0)).toBe(true);
    await pool.views(2, all, STREAMS.secondView);
    expect(pool.takeSkipped()).toEqual([]);
  });

  it('makes the same views on one worker and on two', async () => {
    const { train } = await describeDrawn(6, 1, 16, 3);
    const made: Float32Array[][] = [];
    for (const workers of [1, 2]) {
      const pool = await ViewPool.start(train, { recipe: 'v2', imageSize: 16, seed: 9, workers });
      const parts = [Uint32Array.of(0, 1, 2), Uint32Array.of(5, 4, 3)];
      const views = await Promise.all(parts.map((part) => pool.views(4, part, STREAMS.firstView)));
      made.push(views.map(({ images }) => images));
      await pool.dispose();
    }
    expect(made[1]).toEqual(made[0]);
    expect(made[0]![0]).not.toEqual(made[0]![1]);
  });

  it('passes on what a worker says of bad data', async () => {
    const { train } = await describeDrawn(6, 1, 16, 3);
    const options = { recipe: 'v2', imageSize: 16, seed: 9, workers: 2 };
    const missing = { kind: 'drawn', count: 0, size: 16, seed: 1, split: 'train' } as const;
    await expect(ViewPool.start(missing, options)).rejects.toMatchObject({ code: 'usage' });
    const pool = await ViewPool.start(train, options);
    onTestFinished(() => pool.dispose());
    await expect(pool.plain(Uint32Array.of(6))).rejects.toMatchObject({ code: 'usage' });
  });
});
