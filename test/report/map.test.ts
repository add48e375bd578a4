import { expect, it } from 'vitest';
import { decodeImage } from '../../src/data/decode/decode.ts';
import { encodeJpeg } from '../../src/data/pictures/encode-jpeg.ts';
import { contactSheet } from '../../src/data/pictures/tiles.ts';
import { Random } from '../../src/random.ts';
import { mapLayout } from '../../src/report/map-layout.ts';

const DIM = 16;

/** Vectors around as many directions as there are axes, one after the other; of any length. */
function clusters(count: number, of: number): Float32Array[] {
  const random = new Random({ seed: 1, stream: 0 });
  return Array.from({ length: count }, (_, i) => {
    const length = random.between(0.5, 5);
    return Float32Array.from(
      { length: DIM },
      (_, d) => length * ((d === i % of ? 3 : 0) + 0.5 * random.normal()),
    );
  });
}

it('a map keeps neighbors, and is the same each time', { timeout: 120_000 }, () => {
  const [count, kinds] = [240, 4];
  const vectors = clusters(count, kinds);
  const map = mapLayout(vectors, 3);
  expect(map).toEqual(mapLayout(vectors, 3));
  for (const axis of [0, 1]) {
    const values = map.filter((_, i) => i % 2 === axis);
    expect([Math.min(...values), Math.max(...values)]).toEqual([0, 1]);
  }
  // The nearest image on the map is of the same direction, but for a few; by chance it would be a fourth of them.
  const own = vectors.filter((_, i) => {
    let nearest = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let j = 0; j < count; j++) {
      const distance = Math.hypot(map[2 * i]! - map[2 * j]!, map[2 * i + 1]! - map[2 * j + 1]!);
      if (j === i || distance >= least) continue;
      [nearest, least] = [j, distance];
    }
    return nearest % kinds === i % kinds;
  });
  expect(own.length).toBeGreaterThan(0.9 * count);
  expect(() => mapLayout(vectors.slice(0, 2), 3)).toThrow(/it takes 3/);
});

it('thumbnails stand where the map looks for them', async () => {
  const image = (value: number) => ({ width: 40, height: 30, data: new Uint8Array(40 * 30 * 3).fill(value) });
  const sheet = await contactSheet(5, async (i) => image(40 * (i + 1)), 3, 8);
  expect([sheet.width, sheet.height]).toEqual([24, 16]);
  const jpeg = await decodeImage(new Uint8Array(await encodeJpeg(sheet, 90)));
  for (const { width, data, exact } of [
    { ...sheet, exact: true },
    { ...jpeg, exact: false },
  ]) {
    for (let i = 0; i < 6; i++) {
      const [x, y] = [(i % 3) * 8 + 4, Math.floor(i / 3) * 8 + 4];
      const value = data[3 * (y * width + x)]!;
      expect(Math.abs(value - (i < 5 ? 40 * (i + 1) : 0))).toBeLessThanOrEqual(exact ? 0 : 3);
    }
  }
});
