/** Tiles of weight gradients, chosen by measurement: of all shapes for which there is time, and without leaving anything behind. */
import { expect, it } from 'vitest';
import { CONV_TILE_NAMES, tileKey } from '../../src/kernels/conv-tiles.ts';
import type { ConvolutionShape } from '../../src/kernels/convolution-shape.ts';
import { isSoftware } from '../../src/runtime/gpu.ts';
import { gpuTimer } from '../../src/scheduler/gpu-timer.ts';
import { measureTiles } from '../../src/scheduler/measure-tiles.ts';
import { onWebGpu } from '../kernels/backends.ts';

type Shape = Omit<ConvolutionShape, 'batch'>;

const SHAPE: Shape = {
  ...{ channels: 8, height: 6, width: 6, filters: 16, outHeight: 6, outWidth: 6, groups: 1 },
  ...({ kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1] } as const),
};
const POINT: Shape = { ...SHAPE, filters: 64, kernel: [1, 1], pads: [0, 0, 0, 0] };

onWebGpu(({ kernels }, { software }) => {
  it('of each shape one, the largest first, until the time is over', async () => {
    const { liveArrays } = kernels;
    const all = await measureTiles(kernels, [POINT, SHAPE, POINT], 4, 60_000);
    expect(Object.keys(all)).toEqual([tileKey(SHAPE), tileKey(POINT)]);
    for (const tile of Object.values(all)) expect(CONV_TILE_NAMES).toContain(tile);
    expect(await measureTiles(kernels, [SHAPE], 4, 0)).toEqual({});
    expect(kernels.liveArrays).toBe(liveArrays);
  });

  it('the timer tells longer work from shorter', async () => {
    const timer = gpuTimer(kernels.device);
    const array = kernels.allocate(2 ** 18);
    const times = (count: number) =>
      timer.time(() => {
        for (let i = 0; i < count; i++) kernels.accumulate({ sums: [array], xs: [array] });
      });
    await times(1);
    const [short, long] = [await times(1), await times(12)];
    timer.dispose();
    kernels.free(array);
    console.log(`one call ${short} ms, 12 calls ${long} ms`);
    expect(short).toBeGreaterThan(0);
    expect(long).toBeGreaterThan(short);
  });

  it('a device says whether its adapter is software', () => {
    expect(isSoftware(kernels.device)).toBe(software);
  });
});
