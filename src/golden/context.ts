import { MocoError } from '../errors.ts';
import { createWasmKernels } from '../kernels/wasm.ts';
import type { GoldenContext } from './case.ts';

/** What cases are computed with. `dispose` the kernels after the last case. */
export async function createContext(backend: 'wasm' | 'webgpu'): Promise<GoldenContext> {
  if (backend !== 'wasm') {
    throw new MocoError(
      'backend-unavailable',
      'golden cases are computed on wasm only as yet: use --backend wasm',
    );
  }
  return { backend, kernels: await createWasmKernels() };
}
