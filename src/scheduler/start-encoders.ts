import { channelBlock } from '../encoder/channel-block.ts';
import { ON_WASM, onNative, type PlanOptions } from '../encoder/make-plan.ts';
import type { BackendKernels } from '../kernels/open.ts';
import type { Backend } from '../runtime/backend.ts';
import { memorySize } from '../runtime/memory.ts';
import type { GroupEncoders } from './group-encoders.ts';

import { WebGpuEncoders } from './webgpu-encoders.ts';
import { WorkerEncoders } from './worker-encoders.ts';

export interface StartEncodersOptions {
  readonly backend: Backend;
  /** wasm, native: how many groups are encoded side by side. */
  readonly workers: number;
  /** How many groups are trained on at once, with the activations of all of them kept (see GroupEncoders.train); default 1. */
  readonly together?: number | undefined;
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
  { backend, workers: asked, together = 1, prefetch = asked, tell }: StartEncodersOptions,
): Promise<GroupEncoders> {
  if (kernels.backend === 'wasm') {
    // A worker keeps the activations of one group.
    const workers = Math.max(asked, together);
    const place =
      backend === 'native' ? onNative(await memorySize(), workers, await channelBlock()) : ON_WASM;
    return WorkerEncoders.start(kernels, options, place, workers, prefetch, tell);
  }
  return new WebGpuEncoders(kernels, options, prefetch, together);
}
