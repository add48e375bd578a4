import { type BackendKernels, openKernels } from '../kernels/open.ts';
import type { Backend } from '../runtime/backend.ts';
import type { GoldenContext } from './case.ts';

/** What cases are computed with, software adapters included. `dispose` the kernels after the last case. */
export async function createContext(backend: Backend): Promise<GoldenContext> {
  return contextOf(await openKernels(backend), backend);
}

/** Sessions run where the kernels do, or natively beside those of wasm. */
export function contextOf(kernels: BackendKernels, backend: Backend = kernels.backend): GoldenContext {
  if (kernels.backend === 'webgpu') {
    return { backend, kernels, place: { provider: 'webgpu', device: kernels.device } };
  }
  return { backend, kernels, place: { provider: backend === 'native' ? 'native' : 'wasm' } };
}
