import { describe, expect, it } from 'vitest';
import { describeDrawn, withDataset } from '../../src/data/dataset.ts';
import { shareOfLabels } from '../../src/data/derived/label-share.ts';

const drawn = () => describeDrawn(200, 20, 16, 3);
const countByClass = (labels: Int32Array) => {
  const counts: Record<number, number> = {};
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
};

describe('a share of the labels', () => {
  it('has the same share of each class, and the images and labels of the whole', async () => {
    const all = await drawn();
    const share = shareOfLabels(all, 0.1, 0);
    const whole = countByClass(all.trainLabels!);
    const expected = Object.fromEntries(
      Object.entries(whole).map(([label, count]) => [label, Math.max(1, Math.round(count / 10))]),
    );
    expect(countByClass(share.trainLabels!)).toEqual(expected);
    expect(share.trainLength).toBe(share.trainLabels!.length);
    expect([share.test, share.testLength]).toEqual([all.test, all.testLength]);
    const only = share.train.only!;
    await withDataset(share.train, async (some) => {
      expect(some.length).toBe(share.trainLength);
      expect([...some.labels!]).toEqual([...share.trainLabels!]);
      await withDataset(all.train, async (every) => {
        for (const i of [0, some.length - 1]) {
          expect((await some.image(i)).data).toEqual((await every.image(only[i]!)).data);
          expect(some.name(i)).toBe(every.name(only[i]!));
        }
      });
    });
  });

  it('is another one with another seed, and the same with the same', async () => {
    const all = await drawn();
    const only = (seed: number) => [...shareOfLabels(all, 0.2, seed).train.only!];
    expect(only(1)).toEqual(only(1));
    expect(only(1)).not.toEqual(only(2));
  });

  it('has at least one of each class', async () => {
    expect(shareOfLabels(await drawn(), 0.001, 0).trainLength).toBe(10);
  });

  it('of 1 is the data as it is', async () => {
    const all = await drawn();
    expect(shareOfLabels(all, 1, 0)).toBe(all);
  });

  it.each([0, -0.5, 1.5, Number.NaN])('refuses %s', async (share) => {
    const all = await drawn();
    expect(() => shareOfLabels(all, share, 0)).toThrow('out of range: give a number above 0, at most 1');
  });
});
