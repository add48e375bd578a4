/**
 * Weight gradients of an encoder on the kernels' device, added to their sums where these lie: nothing leaves the device, no run
 * makes a buffer for them, and what is issued first is done first.
 */
import type { WeightGradient } from '../encoder/encoder.ts';
import { type TileChoice, tileKey } from '../kernels/conv-tiles.ts';
import type { DeviceArray } from '../kernels/device-array.ts';
import type { WebGpuKernels } from '../kernels/webgpu/webgpu-kernels.ts';

/** Where the gradients of a run go. */
export interface WeightGradientSums {
  /** The sum of a weight's gradients, by its name. */
  of(weight: string): DeviceArray;
  /** Whether they are added to what is there, or take its place. */
  readonly add: boolean;
}

/**
 * @param tiles that were chosen; what is not among them takes the usual one
 * @param sums of the run that asks
 */
export function webGpuWeightGradient(
  kernels: WebGpuKernels,
  tiles: TileChoice,
  sums: () => WeightGradientSums,
): WeightGradient {
  return async ({ weight, convolution }, x, dy) => {
    const [ofX, ofDy] = [x, dy].map(({ gpuBuffer, size }) => kernels.wrap(gpuBuffer as GPUBuffer, size));
    const { of, add } = sums();
    try {
      const arrays = { x: ofX!, dy: ofDy!, gradient: of(weight.name) };
      const tile = tiles[tileKey(convolution)];
      kernels.convWeightGradient({ ...convolution, batch: x.dims[0]!, ...arrays, add, tile });
      return null;
    } finally {
      for (const array of [ofX!, ofDy!]) kernels.free(array);
    }
  };
}
