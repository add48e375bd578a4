import type { ArrayEncoderOptions } from '../encoder/array-encoder.ts';
import type { BackendKernels } from '../kernels/open.ts';
import type { GroupEncoders } from './group-encoders.ts';
import { WasmEncoders } from './wasm-encoders.ts';
import { WebGpuEncoders } from './webgpu-encoders.ts';

/**
 * The encoders that go with the kernels.
 * @param workers wasm: how many groups are encoded side by side; webgpu: for how many groups images are made ahead
 * @param tell told of each worker that is replaced, in words for people
 * @throws MocoError out-of-memory, worker-died
 */
export async function startEncoders(
  kernels: BackendKernels,
  options: ArrayEncoderOptions,
  workers: number,
  tell?: (message: string) => void,
): Promise<GroupEncoders> {
  if (kernels.backend === 'wasm') return WasmEncoders.start(kernels, options, workers, tell);
  return new WebGpuEncoders(kernels, options, workers);
}
