import { openKernels } from '../kernels/open.ts';
import type { GoldenContext } from './case.ts';

/** What cases are computed with, software adapters included. `dispose` the kernels after the last case. */
export async function createContext(backend: 'wasm' | 'webgpu'): Promise<GoldenContext> {
  const kernels = await openKernels(backend);
  const place =
    kernels.backend === 'wasm'
      ? ({ provider: 'wasm' } as const)
      : ({ provider: 'webgpu', device: kernels.device } as const);
  return { backend, kernels, place };
}
