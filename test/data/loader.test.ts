import { STREAMS } from '../../src/random.ts';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { Canvas } from '../../src/data/augment/canvas.ts';
import { RECIPES } from '../../src/data/augment/recipes.ts';
import { describeDataset } from '../../src/data/dataset.ts';
import { ViewLoader } from '../../src/data/load/loader.ts';
import type { Dataset } from '../../src/data/sources/source.ts';
import { MocoError } from '../../src/errors.ts';

const CIFAR = fileURLToPath(new URL('./cifar10', import.meta.url));

async function cifarLoader(seed = 1, size = 32): Promise<ViewLoader> {
  const { train } = await describeDataset(CIFAR);
  return ViewLoader.open(train, 'v2', size, seed);
}

/** 5 gray images; those named are corrupt. */
function fakeDataset(corrupt: number[]): Dataset & { reads: number[] } {
  const reads: number[] = [];
  return {
    length: 5,
    labels: null,
    reads,
    name: (i) => `fake ${i}`,
    async image(i) {
      reads.push(i);
      if (corrupt.includes(i)) throw new MocoError('image-corrupt', 'torn');
      return { width: 8, height: 8, data: new Uint8Array(192).fill(50 * i) };
    },
    close: () => {},
  };
}

describe('views', () => {
  test('are a function of (seed, epoch, image, stream), not of the batch', async () => {
    const row = (images: Float32Array, i: number) => images.slice(i * 3072, (i + 1) * 3072);
    const { images } = await (await cifarLoader()).views(2, [5, 6, 7], STREAMS.firstView);
    const again = await (await cifarLoader()).views(2, [7, 5], STREAMS.firstView);
    expect(row(again.images, 0)).toEqual(row(images, 2));
    expect(row(again.images, 1)).toEqual(row(images, 0));
    const others = [
      await (await cifarLoader()).views(2, [5], STREAMS.secondView),
      await (await cifarLoader()).views(3, [5], STREAMS.firstView),
      await (await cifarLoader(2)).views(2, [5], STREAMS.firstView),
    ];
    for (const other of others) expect(other.images).not.toEqual(row(images, 0));
  });

  test('are finite, of the right size, and about normalized', async () => {
    const { images, indices, skipped } = await (await cifarLoader(1, 40)).views(0, [...Array(80).keys()], STREAMS.secondView);
    expect(images.length).toBe(80 * 3 * 40 * 40);
    expect([...indices]).toEqual([...Array(80).keys()]);
    expect(skipped).toEqual([]);
    let sum = 0;
    let squares = 0;
    for (const value of images) {
      sum += value;
      squares += value * value;
    }
    expect(Math.abs(sum / images.length)).toBeLessThan(0.5);
    expect(Math.sqrt(squares / images.length)).toBeGreaterThan(0.5);
    expect(Math.sqrt(squares / images.length)).toBeLessThan(2);
  });

  test('evaluation takes a small image as it is', async () => {
    const dataset = fakeDataset([]);
    const loader = new ViewLoader(dataset, RECIPES.v2, 8, 0, await Canvas.open());
    const { images } = await loader.plain([4]);
    expect(images[0]).toBeCloseTo((200 / 255 - 0.485) / 0.229, 6);
    expect(images[191]).toBeCloseTo((200 / 255 - 0.406) / 0.225, 6);
    const resized = await new ViewLoader(dataset, RECIPES.v2, 16, 0, await Canvas.open()).plain([4]);
    expect(resized.images.length).toBe(3 * 256);
    expect(resized.images[100]).toBeCloseTo((200 / 255 - 0.485) / 0.229, 6);
  });
});

describe('corrupt images', () => {
  test('the next one takes their place, and they are named', async () => {
    const dataset = fakeDataset([1, 2, 4]);
    const loader = new ViewLoader(dataset, RECIPES.cifar, 8, 0, await Canvas.open());
    const first = await loader.views(0, [1, 4, 1], STREAMS.firstView);
    expect([...first.indices]).toEqual([3, 0, 3]);
    expect(first.skipped).toEqual([
      { index: 1, path: 'fake 1', reason: 'torn' },
      { index: 2, path: 'fake 2', reason: 'torn' },
      { index: 4, path: 'fake 4', reason: 'torn' },
    ]);
    const reads = dataset.reads.length;
    const second = await loader.views(0, [1, 4, 1], STREAMS.firstView);
    expect(second).toEqual(first);
    expect(dataset.reads.slice(reads)).toEqual([3, 0, 3]); // corrupt ones are not read again
  });

  test('when all are corrupt it says so', async () => {
    const loader = new ViewLoader(fakeDataset([0, 1, 2, 3, 4]), RECIPES.cifar, 8, 0, await Canvas.open());
    await expect(loader.plain([0])).rejects.toMatchObject({
      code: 'image-corrupt',
      message: 'none of the 5 images can be decoded (fake 0: torn)',
    });
  });

  test('indices out of range are the caller’s mistake', async () => {
    const loader = new ViewLoader(fakeDataset([]), RECIPES.cifar, 8, 0, await Canvas.open());
    for (const index of [-1, 5, 0.5]) {
      await expect(loader.plain([index])).rejects.toMatchObject({ code: 'usage' });
    }
  });
});
