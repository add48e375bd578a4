import { createWasmKernels } from '../kernels/wasm.ts';
import { createWebGpuKernels } from '../kernels/webgpu.ts';
import { requestDevice } from '../runtime/gpu.ts';
import type { GoldenContext } from './case.ts';

/** What cases are computed with, software adapters included. `dispose` the kernels after the last case. */
export async function createContext(backend: 'wasm' | 'webgpu'): Promise<GoldenContext> {
  if (backend === 'wasm') return { backend, kernels: await createWasmKernels() };
  const { device } = await requestDevice();
  const kernels = await createWebGpuKernels(device);
  const dispose = kernels.dispose.bind(kernels);
  // The device is nobody else's, and an open one may keep the process alive.
  kernels.dispose = () => {
    dispose();
    device.destroy();
  };
  return { backend, kernels };
}
