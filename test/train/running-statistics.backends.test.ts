import { describe, expect, it } from 'vitest';
import { MocoError } from '../../src/errors.ts';
import type { Kernels } from '../../src/kernels/kernels.ts';
import { type BatchNormLayer, RunningStatistics } from '../../src/train/running-statistics.ts';
import { expectClose } from '../compare.ts';
import { onEveryBackend } from '../kernels/backends.ts';

const LAYERS = [
  { name: 'a', channels: 2, elementsPerImage: 6 },
  { name: 'b', channels: 1, elementsPerImage: 1 },
];

/** Statistics and an open gate, which are gone after `use`. */
async function withStatistics(
  kernels: Kernels,
  layers: readonly BatchNormLayer[],
  use: (
    statistics: RunningStatistics,
    take: (sums: readonly Float32Array[], groups: number, groupSize: number) => void,
    gate: { set(value: number): void },
  ) => Promise<void>,
): Promise<void> {
  const statistics = new RunningStatistics(kernels, layers);
  const gate = kernels.allocate(1);
  const set = (value: number) => kernels.write(gate, Float32Array.of(value));
  set(1);
  try {
    const take = (sums: readonly Float32Array[], groups: number, groupSize: number) => {
      for (const [i, values] of sums.entries()) kernels.write(statistics.sums[i]!, values);
      statistics.update(groups, groupSize, gate);
    };
    await use(statistics, take, { set });
  } finally {
    kernels.free(gate);
    statistics.dispose();
  }
}

onEveryBackend(({ kernels }) => {
  describe('RunningStatistics', () => {
    it('begins at mean 0 and variance 1, or where it was', async () => {
      await withStatistics(kernels, LAYERS, async (statistics) => {
        expect(await statistics.read()).toEqual({
          means: [new Float32Array(2), new Float32Array(1)],
          variances: [Float32Array.of(1, 1), Float32Array.of(1)],
          batchesTracked: 0,
        });
      });
      const saved = {
        means: [Float32Array.of(1, 2), Float32Array.of(3)],
        variances: [Float32Array.of(4, 5), Float32Array.of(6)],
        batchesTracked: 7,
      };
      const later = new RunningStatistics(kernels, LAYERS, saved);
      expect(await later.read()).toEqual(saved);
      later.dispose();
    });

    // torch.nn.BatchNorm2d in training mode (PyTorch 1.13, float64) on x = 0, 1, …, 35 as [3, 2, 2, 3], for layer a; the
    // variance in it is biased, torch unbiases with 18/17.
    it('of one group is what torch.nn.BatchNorm2d keeps', async () => {
      await withStatistics(kernels, [LAYERS[0]!], async (statistics, take) => {
        take([Float32Array.of(14.5, 20.5), Float32Array.of(98.91666666666667, 98.91666666666667)], 1, 3);
        const { means, variances, batchesTracked } = await statistics.read();
        expectClose('mean', means[0]!, [1.45, 2.05], 2 ** -23 * 2);
        expectClose('variance', variances[0]!, [11.373529411764707, 11.373529411764707], 2 ** -23 * 12);
        expect(batchesTracked).toBe(1);
      });
    });

    it('of several groups is the mean of what each would keep, and does not count batches', async () => {
      await withStatistics(kernels, LAYERS, async (statistics, take) => {
        // Groups of mean (1, −2), (5, 7) and variance (0.5, 3), (1.5, 0) for layer a; 4, −1 and 2, 8 for layer b.
        const sums = [Float32Array.of(6, 5), Float32Array.of(2, 3), Float32Array.of(3), Float32Array.of(10)];
        take(sums, 2, 2);
        take(sums, 2, 2);
        const two = (first: number, second: number, start: number) => {
          const mean = (first + second) / 2;
          return 0.9 * (0.9 * start + 0.1 * mean) + 0.1 * mean;
        };
        // Layer a: 12 values a group, unbiased by 12/11; layer b: 2 values, by 2/1.
        const rounding = 2 ** -22 * 8;
        const { means, variances, batchesTracked } = await statistics.read();
        expectClose('mean a', means[0]!, [two(1, 5, 0), two(-2, 7, 0)], rounding);
        expectClose('mean b', means[1]!, [two(4, -1, 0)], rounding);
        const [a, b] = [12 / 11, 2];
        expectClose('variance a', variances[0]!, [two(0.5 * a, 1.5 * a, 1), two(3 * a, 0, 1)], rounding);
        expectClose('variance b', variances[1]!, [two(2 * b, 8 * b, 1)], rounding);
        expect(batchesTracked).toBe(0);
        expect([...(await statistics.named()).keys()]).toEqual([
          'a.running_mean',
          'a.running_var',
          'b.running_mean',
          'b.running_var',
        ]);
      });
    });

    it('stays as it is while the gate is closed', async () => {
      await withStatistics(kernels, [LAYERS[0]!], async (statistics, take, gate) => {
        gate.set(0);
        take([Float32Array.of(Number.NaN, 1), Float32Array.of(1, Number.POSITIVE_INFINITY)], 2, 3);
        const { means, variances } = await statistics.read();
        expect(means).toEqual([new Float32Array(2)]);
        expect(variances).toEqual([Float32Array.of(1, 1)]);
      });
    });

    it('refuses a single value, and names the layer', async () => {
      await withStatistics(kernels, LAYERS, async (_statistics, take) => {
        const update = () => take([], 1, 1);
        expect(update).toThrow(MocoError);
        expect(update).toThrow(/b: BatchNorm over one value has no variance: raise the group size/);
      });
    });
  });
});
