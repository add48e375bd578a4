import { expect, test } from 'vitest';
import { decodeImage } from '../../src/data/decode/decode.ts';
import { CAPTION, neighborSheet } from '../../src/data/pictures/preview.ts';

const CAPTIONS = { query: 'TI', before: '', after: '' };
const flat = (value: number) => ({ width: 8, height: 12, data: new Uint8Array(288).fill(value) });

test('a sheet is a PNG with the images in place and their borders colored', async () => {
  const neighbor = (value: number, sameClass: boolean | null) => ({ image: flat(value), sameClass });
  const png = await neighborSheet([
    { query: flat(10), before: [neighbor(20, false)], after: [neighbor(30, true)] },
    { query: flat(40), before: [neighbor(50, null)], after: [] },
  ], CAPTIONS);
  const { width, height, data } = await decodeImage(new Uint8Array(png));
  expect([width, height]).toEqual([3 * 74 + 40 + 4, CAPTION + 2 * 74 + 4]);
  const at = (x: number, y: number) => [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
  expect(at(40, CAPTION + 40)).toEqual([10, 10, 10]);
  expect(at(4 + 74 + 20 + 35, CAPTION + 40)).toEqual([20, 20, 20]);
  expect(at(4 + 74 + 20, CAPTION + 40)).toEqual([205, 60, 50]);
  expect(at(4 + 2 * 74 + 40 + 35, CAPTION + 40)).toEqual([30, 30, 30]);
  expect(at(4 + 2 * 74 + 40, CAPTION + 40)).toEqual([40, 160, 70]);
  expect(at(4 + 74 + 20, CAPTION + 74 + 40)).toEqual([150, 150, 150]);
  // The T's bar and stem and the I's, in dots of two pixels.
  const dots = (y: number) => Array.from({ length: 11 }, (_, x) => (at(4 + 2 * x, 4 + 2 * y)[0] === 60 ? '#' : '.')).join('');
  expect([0, 1, 6].map(dots)).toEqual(['#####..###.', '..#.....#..', '..#....###.']);
  expect(at(width - 40, height - 40)).toEqual([255, 255, 255]);
});

test('no rows are refused', async () => {
  await expect(neighborSheet([], CAPTIONS)).rejects.toMatchObject({ code: 'usage' });
});
