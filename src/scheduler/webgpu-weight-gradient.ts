/** Weight gradients of an encoder on the kernels' device: nothing leaves it, and what is issued first is done first. */
import type { WeightGradient } from '../encoder/encoder.ts';
import { gpuTensor } from '../encoder/ort.ts';
import type { WebGpuKernels } from '../kernels/webgpu/webgpu-kernels.ts';
import { count } from '../onnx/dims.ts';

/** The gradients are arrays of the kernels, which their tensors free when they are disposed of. */
export function webGpuWeightGradient(kernels: WebGpuKernels): WeightGradient {
  return async ({ weight, convolution }, x, dy) => {
    const [ofX, ofDy] = [x, dy].map(({ gpuBuffer, size }) => kernels.wrap(gpuBuffer as GPUBuffer, size));
    const gradient = kernels.allocate(count(weight.shape));
    try {
      const arrays = { x: ofX!, dy: ofDy!, gradient };
      kernels.convWeightGradient({ ...convolution, batch: x.dims[0]!, ...arrays, add: false });
      return await gpuTensor(kernels.buffer(gradient), weight.shape, () => kernels.free(gradient));
    } catch (error) {
      kernels.free(gradient);
      throw error;
    } finally {
      for (const array of [ofX!, ofDy!]) kernels.free(array);
    }
  };
}
