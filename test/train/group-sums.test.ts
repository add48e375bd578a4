import { describe, expect, it } from 'vitest';
import { createWasmKernels } from '../../src/kernels/wasm/wasm-kernels.ts';
import type { GroupArrays } from '../../src/scheduler/group-encoders.ts';
import { type GroupSum, sumGroups } from '../../src/train/group-sums.ts';

const kernels = await createWasmKernels();
const sum = (): GroupSum => ({ arrays: [kernels.allocate(1)], begun: false });
const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Two arrays of one value each, as a group may have computed them; `released` counts. */
class Group {
  released = 0;

  arrays(values: readonly number[]): GroupArrays[] {
    return values.map((value) => {
      const array = kernels.allocate(1);
      kernels.write(array, Float32Array.of(value));
      return {
        copyTo: (targets) => kernels.copy({ targets, sources: [array] }),
        addTo: (sums) => kernels.accumulate({ sums, xs: [array] }),
        release: () => {
          this.released++;
          kernels.free(array);
        },
      };
    });
  }
}

describe('sumGroups', () => {
  it('sums in the order of the groups, whichever is done first', async () => {
    const sums = [sum(), sum()];
    const group = new Group();
    // 2²⁴ + 1 + 1 is 2²⁴ in this order, and 2²⁴ + 2 in the other.
    const values = [
      [2 ** 24, 1],
      [1, 2],
      [1, 3],
    ];
    const runs = values.map(async (pair, i) => {
      await later(10 * (values.length - i));
      return group.arrays(pair);
    });
    await sumGroups(runs, sums);
    expect(await kernels.read(sums[0]!.arrays[0]!)).toEqual(Float32Array.of(2 ** 24));
    expect(await kernels.read(sums[1]!.arrays[0]!)).toEqual(Float32Array.of(6));
    expect(group.released).toBe(6);
  });

  it('adds a second pass after the first, whichever is done first, and nothing where no sum is asked for', async () => {
    const total = sum();
    const group = new Group();
    const slow = later(30).then(() => group.arrays([2 ** 24, 5]));
    const first = sumGroups([slow], [total, null]);
    const second = sumGroups(
      [Promise.resolve(group.arrays([1])), Promise.resolve(group.arrays([1]))],
      [total],
      first,
    );
    await Promise.all([first, second]);
    // 2²⁴ + 1 + 1 is 2²⁴ in this order alone.
    expect(await kernels.read(total.arrays[0]!)).toEqual(Float32Array.of(2 ** 24));
    expect(group.released).toBe(4);
  });

  it('throws the first failure when all have settled, and gives everything back', async () => {
    const sums = [sum()];
    const group = new Group();
    const before = kernels.liveArrays;
    let settled = 0;
    const run = async (ms: number, error?: string) => {
      await later(ms);
      settled++;
      if (error !== undefined) throw new Error(error);
      return group.arrays([1]);
    };
    // The last one fails long before anybody looks at it.
    const runs = [run(20), run(10, 'second'), run(30), run(1, 'fourth')];
    await expect(sumGroups(runs, sums)).rejects.toThrow('second');
    expect(settled).toBe(4);
    expect(group.released).toBe(2);
    expect(kernels.liveArrays).toBe(before);
  });
});
