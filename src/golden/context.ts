import { type BackendKernels, openKernels } from '../kernels/open.ts';
import type { GoldenContext } from './case.ts';

/** What cases are computed with, software adapters included. `dispose` the kernels after the last case. */
export async function createContext(backend: 'wasm' | 'webgpu'): Promise<GoldenContext> {
  return contextOf(await openKernels(backend));
}

/** Sessions run where the kernels do. */
export function contextOf(kernels: BackendKernels): GoldenContext {
  const { backend } = kernels;
  if (backend === 'wasm') return { backend, kernels, place: { provider: 'wasm' } };
  return { backend, kernels, place: { provider: 'webgpu', device: kernels.device } };
}
