import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { describeDrawn, openDataset } from '../../src/data/dataset.ts';
import { drawImage } from '../../src/data/sources/drawn.ts';
import { DRAWN_CLASSES } from '../../src/data/draw/scene.ts';

const spec = { size: 32, seed: 0, split: 'train' as const };

describe('drawn images', () => {
  test('are the same bits everywhere', () => {
    const hash = createHash('sha256');
    for (let i = 0; i < 20; i++) hash.update(drawImage(spec, i).data);
    expect(hash.digest('hex')).toBe('e30bc8d7ce9749208906c5acb71355413ddf3f3590b5b9c9d45d5057a533f988');
  });

  test('are a data set with balanced classes and two splits that share nothing', async () => {
    const found = await describeDrawn(50, 20, 32, 3);
    expect(found).toMatchObject({ kind: 'drawn', trainLength: 50, testLength: 20 });
    expect(found.classes).toEqual([...DRAWN_CLASSES]);
    expect([...found.testLabels!]).toEqual(Array.from({ length: 20 }, (_, i) => i % 10));
    const train = await openDataset(found.train);
    const again = await openDataset(JSON.parse(JSON.stringify(found.train)));
    const test = await openDataset(found.test!);
    expect(await train.image(49)).toEqual(await again.image(49));
    expect(await train.image(0)).not.toEqual(await test.image(0));
    expect(train.name(4)).toBe('drawn train image 4');
    await expect(train.image(50)).rejects.toMatchObject({ code: 'usage' });
  });

  test.each([8, 33, 96])('come in size %i', (size) => {
    const image = drawImage({ ...spec, size }, 7);
    expect([image.width, image.height, image.data.length]).toEqual([size, size, 3 * size * size]);
  });

  test('cannot be told apart by color: kNN over color histograms stays near chance', () => {
    const train = histograms('train', 600);
    const queries = histograms('test', 200);
    let right = 0;
    queries.forEach((query, q) => {
      const scores = train.map((h, i) => ({ i, s: h.reduce((sum, value, b) => sum + value * query[b]!, 0) }));
      scores.sort((a, b) => b.s - a.s);
      const votes = new Array<number>(10).fill(0);
      for (const { i, s } of scores.slice(0, 20)) votes[i % 10]! += Math.exp(s / 0.1);
      if (votes.indexOf(Math.max(...votes)) === q % 10) right++;
    });
    expect(right / queries.length).toBeLessThan(0.35);
  });

  test.each([
    { count: 0, size: 32 },
    { count: 10, size: 7 },
    { count: 1e9, size: 32 },
    { count: 10, size: 4096 },
  ])('refuses %j', async ({ count, size }) => {
    await expect(describeDrawn(count, 1, size, 0)).rejects.toMatchObject({ code: 'usage' });
  });
});

/** Unit vectors of square roots of counts of 8×8×8 colors. */
function histograms(split: 'train' | 'test', count: number): Float64Array[] {
  return Array.from({ length: count }, (_, i) => {
    const { data } = drawImage({ ...spec, split }, i);
    const bins = new Float64Array(512);
    for (let p = 0; p < data.length; p += 3) {
      bins[(data[p]! >> 5) * 64 + (data[p + 1]! >> 5) * 8 + (data[p + 2]! >> 5)]! += 1 / 1024;
    }
    return bins.map(Math.sqrt);
  });
}
