import { MocoError } from '../errors.ts';
import { findGpuAdapter, type GpuAdapter } from './gpu.ts';

export const BACKENDS = ['auto', 'webgpu', 'wasm'] as const;
export type BackendRequest = (typeof BACKENDS)[number];

export interface BackendChoice {
  backend: 'wasm' | 'webgpu';
  /** Name of the GPU adapter used; null on wasm. */
  adapter: string | null;
  /** Why this one, for people. */
  reason: string;
}

/** Whether this version computes on WebGPU. One switch, turned when its kernels exist. */
const WEBGPU_IMPLEMENTED: boolean = false;

/**
 * Which backend a request gets. `auto` takes WebGPU only on a hardware adapter; software ones have to be asked for.
 * @throws MocoError backend-unavailable when WebGPU is asked for and cannot be had
 */
export async function chooseBackend(
  request: BackendRequest,
  findAdapter: () => Promise<GpuAdapter | null> = findGpuAdapter,
): Promise<BackendChoice> {
  if (request === 'wasm') return { backend: 'wasm', adapter: null, reason: 'asked for' };
  const adapter = await findAdapter();
  if (request === 'webgpu') {
    if (!adapter) {
      throw new MocoError(
        'backend-unavailable',
        'no GPU adapter was found here for --backend webgpu: use --backend wasm, or see `moco-web doctor`',
      );
    }
    if (!WEBGPU_IMPLEMENTED) {
      throw new MocoError(
        'backend-unavailable',
        `this version does not compute on WebGPU yet (adapter: ${adapter.name}): use --backend wasm`,
      );
    }
    return { backend: 'webgpu', adapter: adapter.name, reason: 'asked for' };
  }
  const wasm = (reason: string): BackendChoice => ({ backend: 'wasm', adapter: null, reason });
  if (!adapter) return wasm('no GPU adapter was found');
  if (adapter.software) return wasm(`the only GPU adapter, ${adapter.name}, is a software one`);
  if (!WEBGPU_IMPLEMENTED)
    return wasm(`this version does not compute on WebGPU yet (adapter: ${adapter.name})`);
  return { backend: 'webgpu', adapter: adapter.name, reason: `hardware adapter ${adapter.name}` };
}
