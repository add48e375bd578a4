import { expect, it } from 'vitest';
import { createWasmKernels } from '../../src/kernels/wasm/wasm-kernels.ts';
import { ArraySets } from '../../src/scheduler/array-sets.ts';

it('a set is used again once it is given back', async () => {
  const kernels = await createWasmKernels();
  const sets = new ArraySets(kernels, [3, 5]);
  const [one, two] = [sets.take()!, sets.take()!];
  expect(one.views.map(({ length }) => length)).toEqual([3, 5]);
  expect(two).not.toBe(one);
  sets.giveBack(one);
  expect(sets.take()).toBe(one);
  sets.dispose();
  expect([kernels.liveArrays, kernels.heapBytes]).toEqual([0, 0]);
  kernels.dispose();
});

it('there is none where the memory of the kernels is full, and nothing is left of the attempt', async () => {
  const kernels = await createWasmKernels({ maximumBytes: 2 ** 21 });
  const sets = new ArraySets(kernels, [150_000, 150_000]);
  expect(sets.take()).not.toBeNull();
  const { liveArrays, heapBytes } = kernels;
  expect(sets.take()).toBeNull();
  expect([kernels.liveArrays, kernels.heapBytes]).toEqual([liveArrays, heapBytes]);
  sets.dispose();
  kernels.dispose();
});

it('all sets together take a quarter of the memory at most', async () => {
  const kernels = await createWasmKernels();
  expect(new ArraySets(kernels, [2 ** 28 + 1]).take()).toBeNull();
  expect(kernels.liveArrays).toBe(0);
  kernels.dispose();
});
