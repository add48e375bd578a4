import { describe, expect, it } from 'vitest';
import { MocoError } from '../../src/errors.ts';
import { RunningStatistics } from '../../src/moco/running-statistics.ts';
import { expectClose } from '../compare.ts';

const LAYERS = [
  { name: 'a', channels: 2, elementsPerImage: 6 },
  { name: 'b', channels: 1, elementsPerImage: 1 },
];

describe('RunningStatistics', () => {
  it('begins at mean 0 and variance 1', () => {
    const statistics = new RunningStatistics(LAYERS);
    expect(statistics.means).toEqual([new Float32Array(2), new Float32Array(1)]);
    expect(statistics.variances).toEqual([Float32Array.of(1, 1), Float32Array.of(1)]);
  });

  // torch.nn.BatchNorm2d in training mode (PyTorch 1.13, float64) on x = 0, 1, …, 35 as [3, 2, 2, 3], for layer a; the
  // variance in it is biased, torch unbiases with 18/17.
  it('of one group is what torch.nn.BatchNorm2d keeps', () => {
    const statistics = new RunningStatistics([LAYERS[0]!]);
    statistics.update(
      [[Float32Array.of(14.5, 20.5), Float32Array.of(98.91666666666667, 98.91666666666667)]],
      3,
    );
    expectClose('mean', statistics.means[0]!, [1.45, 2.05], 2 ** -23 * 2);
    expectClose(
      'variance',
      statistics.variances[0]!,
      [11.373529411764707, 11.373529411764707],
      2 ** -23 * 12,
    );
    expect(statistics.batchesTracked).toBe(1);
  });

  it('of several groups is the mean of what each would keep, and does not count batches', () => {
    const statistics = new RunningStatistics(LAYERS);
    const batches = [
      [Float32Array.of(1, -2), Float32Array.of(0.5, 3), Float32Array.of(4), Float32Array.of(2)],
      [Float32Array.of(5, 7), Float32Array.of(1.5, 0), Float32Array.of(-1), Float32Array.of(8)],
    ];
    statistics.update(batches, 2);
    statistics.update(batches.toReversed(), 2);
    const two = (first: number, second: number, start: number) => {
      const mean = (first + second) / 2;
      return 0.9 * (0.9 * start + 0.1 * mean) + 0.1 * mean;
    };
    // Layer a: 12 values a group, unbiased by 12/11; layer b: 2 values, by 2/1.
    const rounding = 2 ** -22 * 8;
    expectClose('mean a', statistics.means[0]!, [two(1, 5, 0), two(-2, 7, 0)], rounding);
    expectClose('mean b', statistics.means[1]!, [two(4, -1, 0)], rounding);
    const [a, b] = [12 / 11, 2];
    expectClose(
      'variance a',
      statistics.variances[0]!,
      [two(0.5 * a, 1.5 * a, 1), two(3 * a, 0, 1)],
      rounding,
    );
    expectClose('variance b', statistics.variances[1]!, [two(2 * b, 8 * b, 1)], rounding);
    expect(statistics.batchesTracked).toBe(0);
    expect([...statistics.named()].map(([name]) => name)).toEqual([
      'a.running_mean',
      'a.running_var',
      'b.running_mean',
      'b.running_var',
    ]);
  });

  it('refuses a single value, and names the layer', () => {
    const statistics = new RunningStatistics(LAYERS);
    const one = [[new Float32Array(2), new Float32Array(2), new Float32Array(1), new Float32Array(1)]];
    const update = () => statistics.update(one, 1);
    expect(update).toThrow(MocoError);
    expect(update).toThrow(/b: BatchNorm over one value has no variance: raise the group size/);
  });
});
