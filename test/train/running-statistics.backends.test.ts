import { describe, expect, it } from 'vitest';
import { MocoError } from '../../src/errors.ts';
import type { Kernels } from '../../src/kernels/kernels.ts';
import { encoderState } from '../../src/models/encoder-state.ts';
import type { BatchNormLayer } from '../../src/models/layout.ts';
import { RunningStatistics } from '../../src/train/running-statistics.ts';
import { TrainState } from '../../src/train/state.ts';
import { expectClose } from '../compare.ts';
import { onEveryBackend } from '../kernels/backends.ts';

const LAYERS = [
  { name: 'a', channels: 2, elementsPerImage: 6, momentum: 0.1 },
  { name: 'b', channels: 1, elementsPerImage: 1, momentum: 0.1 },
];

/** Of an encoder x without parameters, as plain values by name. */
interface Statistics {
  take(sums: readonly Float32Array[], groups: number, groupSize: number): void;
  values(): Promise<Map<string, number[]>>;
  readonly named: RunningStatistics['named'];
  setGate(value: number): void;
}

/** Statistics and an open gate, which are gone after `use`. */
async function withStatistics(
  kernels: Kernels,
  layers: readonly BatchNormLayer[],
  use: (statistics: Statistics) => Promise<void>,
): Promise<void> {
  const spec = encoderState('x', { parameters: [], layers, buffers: [], dim: 0 }, { seed: 0 });
  const state = new TrainState(kernels, spec, null);
  const statistics = new RunningStatistics(kernels, layers, state, 'x');
  const sums = statistics.lengths.map((length) => kernels.allocate(length));
  const gate = kernels.allocate(1);
  const setGate = (value: number) => kernels.write(gate, Float32Array.of(value));
  setGate(1);
  try {
    await use({
      take(values, groups, groupSize) {
        for (const [i, value] of values.entries()) kernels.write(sums[i]!, value);
        statistics.update(sums, groups, groupSize, gate);
      },
      async values() {
        const tensors = [...(await state.read())];
        return new Map(tensors.map(([name, { data }]) => [name.slice(2), Array.from(data, Number)]));
      },
      named: () => statistics.named(),
      setGate,
    });
  } finally {
    for (const array of [gate, ...sums]) kernels.free(array);
    state.dispose();
  }
}

onEveryBackend(({ kernels }) => {
  describe('RunningStatistics', () => {
    it('begins at mean 0 and variance 1', async () => {
      await withStatistics(kernels, LAYERS, async ({ values }) => {
        expect(Object.fromEntries(await values())).toEqual({
          'a.running_mean': [0, 0],
          'a.running_var': [1, 1],
          'b.running_mean': [0],
          'b.running_var': [1],
          'a.num_batches_tracked': [0],
          'b.num_batches_tracked': [0],
        });
      });
    });

    // torch.nn.BatchNorm2d in training mode (PyTorch 1.13, float64) on x = 0, 1, …, 35 as [3, 2, 2, 3], for layer a; the
    // variance in it is biased, torch unbiases with 18/17.
    it('of one group is what torch.nn.BatchNorm2d keeps', async () => {
      await withStatistics(kernels, [LAYERS[0]!], async ({ take, values }) => {
        take([Float32Array.of(14.5, 20.5), Float32Array.of(98.91666666666667, 98.91666666666667)], 1, 3);
        const kept = await values();
        expectClose('mean', kept.get('a.running_mean')!, [1.45, 2.05], 2 ** -23 * 2);
        const variance = [11.373529411764707, 11.373529411764707];
        expectClose('variance', kept.get('a.running_var')!, variance, 2 ** -23 * 12);
        expect(kept.get('a.num_batches_tracked')).toEqual([1]);
      });
    });

    it('of several groups is the mean of what each would keep, and does not count batches', async () => {
      await withStatistics(kernels, LAYERS, async ({ take, values, named }) => {
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
        const kept = await values();
        expectClose('mean a', kept.get('a.running_mean')!, [two(1, 5, 0), two(-2, 7, 0)], rounding);
        expectClose('mean b', kept.get('b.running_mean')!, [two(4, -1, 0)], rounding);
        const [a, b] = [12 / 11, 2];
        expectClose(
          'variance a',
          kept.get('a.running_var')!,
          [two(0.5 * a, 1.5 * a, 1), two(3 * a, 0, 1)],
          rounding,
        );
        expectClose('variance b', kept.get('b.running_var')!, [two(2 * b, 8 * b, 1)], rounding);
        expect(kept.get('a.num_batches_tracked')).toEqual([0]);
        expect([...(await named()).keys()]).toEqual([
          'a.running_mean',
          'a.running_var',
          'b.running_mean',
          'b.running_var',
        ]);
      });
    });

    it('stays as it is while the gate is closed', async () => {
      await withStatistics(kernels, [LAYERS[0]!], async ({ take, values, setGate }) => {
        setGate(0);
        take([Float32Array.of(Number.NaN, 1), Float32Array.of(1, Number.POSITIVE_INFINITY)], 2, 3);
        const kept = await values();
        expect(kept.get('a.running_mean')).toEqual([0, 0]);
        expect(kept.get('a.running_var')).toEqual([1, 1]);
      });
    });

    it('refuses a single value, and names the layer', async () => {
      await withStatistics(kernels, LAYERS, async ({ take }) => {
        const update = () => take([], 1, 1);
        expect(update).toThrow(MocoError);
        expect(update).toThrow(/b: BatchNorm over one value has no variance: raise the group size/);
      });
    });
  });
});
