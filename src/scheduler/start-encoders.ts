import type { PlanOptions } from '../encoder/make-plan.ts';
import type { BackendKernels } from '../kernels/open.ts';
import type { GroupEncoders } from './group-encoders.ts';
import { WasmEncoders } from './wasm-encoders.ts';
import { WebGpuEncoders } from './webgpu-encoders.ts';

export interface StartEncodersOptions {
  /** wasm: how many groups are encoded side by side. */
  readonly workers: number;
  /** Groups whose images are made while others are encoded; by default as many as workers. */
  readonly prefetch?: number | undefined;
  /** Told of each worker that is replaced, in words for people. */
  readonly tell?: ((message: string) => void) | undefined;
}

/**
 * The encoders that go with the kernels.
 * @throws MocoError out-of-memory, worker-died
 */
export async function startEncoders(
  kernels: BackendKernels,
  options: PlanOptions,
  { workers, prefetch = workers, tell }: StartEncodersOptions,
): Promise<GroupEncoders> {
  if (kernels.backend === 'wasm') return WasmEncoders.start(kernels, options, workers, prefetch, tell);
  return new WebGpuEncoders(kernels, options, prefetch);
}
