/** Thumbnails in Node; in a page, where they are bitmaps, see test/runtimes/photos.test.ts. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type DatasetDescription, describeDataset, describeDrawn } from '../../src/data/dataset.ts';
import { describeFiles } from '../../src/data/given/describe-files.ts';
import type { RgbImage } from '../../src/data/image.ts';
import { encodeImage } from '../../src/data/pictures/encode-png.ts';
import type { Thumbnail } from '../../src/data/pictures/thumbnail.ts';
import { drawImage } from '../../src/data/sources/drawn.ts';
import { type ThumbnailOptions, thumbnails } from '../../src/page/thumbnails.ts';

const data = (path: string) => fileURLToPath(new URL(`../data/${path}`, import.meta.url));

async function all(of: DatasetDescription, options: ThumbnailOptions): Promise<Thumbnail[]> {
  const made: Thumbnail[] = [];
  for await (const thumbnail of thumbnails(of, { workers: 2, ...options })) made.push(thumbnail);
  return made;
}

test('come in order, of all images or of those asked for', async () => {
  const drawn = await describeDrawn(30, 4, 16, 1);
  const made = await all(drawn, { size: 8 });
  expect(made.map(({ index }) => index)).toEqual(Array.from({ length: 30 }, (_, i) => i));
  expect(made.every(({ image }) => image?.width === 8 && image.height === 8)).toBe(true);
  const [third, first] = await all(drawn, { images: [3, 1], size: 64 });
  // Not enlarged: as it is drawn.
  expect(third).toEqual({
    index: 3,
    path: 'drawn train image 3',
    image: drawImage({ size: 16, seed: 1, split: 'train' }, 3),
    reason: null,
  });
  expect(first!.index).toBe(1);
  const tested = await all(drawn, { split: 'test', images: [2], size: 16 });
  expect(tested[0]!.image).toEqual(drawImage({ size: 16, seed: 1, split: 'test' }, 2));
});

test('are the central square', async () => {
  // 64 × 32: left, the middle and right are of one color each.
  const rgba = new Uint8ClampedArray(4 * 64 * 32).fill(255);
  for (let i = 0; i < 64 * 32; i++) rgba[4 * i] = i % 64 < 16 ? 0 : i % 64 < 48 ? 100 : 200;
  const wide = await describeFiles([new Blob([await encodeImage(rgba, 64, 32)])], { reduceTo: 16 });
  const [made] = await all(wide, { size: 12 });
  const { width, height, data: pixels } = made!.image as RgbImage;
  expect([width, height]).toEqual([12, 12]);
  expect(pixels[3 * 6]).toBe(100);
  expect(pixels.filter((value, i) => i % 3 === 0 && Math.abs(value - 100) > 40)).toEqual(new Uint8Array());
});

test('an image that cannot be decoded has a reason instead', async () => {
  const whole = readFileSync(data('images/cat/0075.jpg'));
  const torn = new Blob([whole.subarray(0, whole.length / 2)]);
  const made = await all(await describeFiles([torn, new Blob([whole])]), {});
  expect(made).toMatchObject([
    { index: 0, image: null, reason: expect.stringMatching(/cut short/) },
    { index: 1, image: { width: 32, height: 32 }, reason: null },
  ]);
});

test.each([
  ['an image that there is not', { images: [99] }],
  ['a size out of range', { size: 0 }],
  ['a split that there is not', { split: 'test' }],
] as [string, ThumbnailOptions][])('refuses %s', async (_, options) => {
  const images = await describeDataset(data('images'));
  await expect(all(images, options)).rejects.toMatchObject({ code: 'usage' });
});
