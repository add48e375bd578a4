import { MocoError } from '../errors.ts';
import { findGpuAdapter, type GpuFinding } from './gpu.ts';
import { describeMissingGpu } from './gpu-missing.ts';

export const BACKENDS = ['auto', 'webgpu', 'wasm'] as const;
export type BackendRequest = (typeof BACKENDS)[number];

export interface BackendChoice {
  backend: 'wasm' | 'webgpu';
  /** Name of the GPU adapter used; null on wasm. */
  adapter: string | null;
  /** Why this one, for people. */
  reason: string;
}

/**
 * Which backend a request gets. `auto` takes WebGPU only on a hardware adapter; software ones have to be asked for.
 * @throws MocoError backend-unavailable when WebGPU is asked for and cannot be had; says why, and how to get it
 */
export async function chooseBackend(
  request: BackendRequest,
  findAdapter: () => Promise<GpuFinding> = findGpuAdapter,
): Promise<BackendChoice> {
  if (request === 'wasm') return { backend: 'wasm', adapter: null, reason: 'asked for' };
  const { adapter, missing } = await findAdapter();
  if (request === 'webgpu') {
    if (!adapter) throw new MocoError('backend-unavailable', describeMissingGpu(missing));
    const kind = adapter.software ? 'a software adapter, far slower than a GPU' : 'a hardware adapter';
    return { backend: 'webgpu', adapter: adapter.name, reason: `asked for; ${adapter.name}, ${kind}` };
  }
  const wasm = (reason: string): BackendChoice => ({ backend: 'wasm', adapter: null, reason });
  if (!adapter) return wasm(`no GPU: ${missing.what}`);
  if (adapter.software) {
    return wasm(`the only GPU adapter, ${adapter.name}, is a software one; --backend webgpu would take it`);
  }
  return { backend: 'webgpu', adapter: adapter.name, reason: `hardware adapter ${adapter.name}` };
}
