import { expectArgument, oneOf } from '../arguments.ts';
import { MocoError } from '../errors.ts';
import { findGpuAdapter, type GpuFinding } from './gpu.ts';
import { describeMissingGpu } from './gpu-missing.ts';
import { describeMissingNative, findNative, type NativeFinding } from './native.ts';

/** What computes. native: the encoders on onnxruntime-node, in Node and Deno; all else as on wasm. */
export type Backend = 'webgpu' | 'native' | 'wasm';

export const BACKENDS = ['auto', 'webgpu', 'native', 'wasm'] as const;
export type BackendRequest = (typeof BACKENDS)[number];

export interface BackendChoice {
  backend: Backend;
  /** Name of the GPU adapter used; null where there is none. */
  adapter: string | null;
  /** Why this one, for people. */
  reason: string;
}

export interface BackendFinders {
  findAdapter?: () => Promise<GpuFinding>;
  findNative?: () => Promise<NativeFinding>;
}

/**
 * Which backend a request gets. `auto` takes WebGPU on a hardware adapter (software ones have to be asked for), else native
 * code where onnxruntime-node is installed, else wasm.
 * @throws MocoError usage for a word that is no backend; backend-unavailable when one is asked for and cannot be had; says why, and how to get it
 */
export async function chooseBackend(
  request: BackendRequest = 'auto',
  finders: BackendFinders = {},
): Promise<BackendChoice> {
  expectArgument('chooseBackend', 'request', request, oneOf(BACKENDS));
  const withoutGpu = (backend: Backend, reason: string): BackendChoice => ({
    backend,
    adapter: null,
    reason,
  });
  if (request === 'wasm') return withoutGpu('wasm', 'asked for');
  const searchNative = finders.findNative ?? findNative;
  if (request === 'native') {
    const { version, missing } = await searchNative();
    if (missing) throw new MocoError('backend-unavailable', describeMissingNative(missing));
    return withoutGpu('native', `asked for; onnxruntime-node ${version}`);
  }
  const { adapter, missing } = await (finders.findAdapter ?? findGpuAdapter)();
  if (request === 'webgpu') {
    if (!adapter) throw new MocoError('backend-unavailable', describeMissingGpu(missing));
    const kind = adapter.software ? 'a software adapter, far slower than a GPU' : 'a hardware adapter';
    return { backend: 'webgpu', adapter: adapter.name, reason: `asked for; ${adapter.name}, ${kind}` };
  }
  if (adapter && !adapter.software) {
    return { backend: 'webgpu', adapter: adapter.name, reason: `hardware adapter ${adapter.name}` };
  }
  const noGpu = adapter
    ? `the only GPU adapter, ${adapter.name}, is a software one; backend 'webgpu' would take it`
    : `no GPU: ${missing.what}`;
  const native = await searchNative();
  if (native.version !== null) return withoutGpu('native', `${noGpu}; onnxruntime-node ${native.version}`);
  return withoutGpu('wasm', `${noGpu}; no native code: ${native.missing.what} (${native.missing.advice})`);
}
