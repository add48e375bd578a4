import { expectArgument, expectOptions, type Forms, oneOf, optional, whole } from '../arguments.ts';
import type { Backend } from '../runtime/backend.ts';
import { requestDevice } from '../runtime/gpu.ts';
import { createWasmKernels, type WasmKernels } from './wasm/wasm-kernels.ts';
import type { WebGpuKernels } from './webgpu/webgpu-kernels.ts';
import { WEBGPU_OPTIONS, type WebGpuKernelsOptions } from './webgpu/webgpu-options.ts';

export interface OpenKernelsOptions extends WebGpuKernelsOptions {
  /** On wasm: see createWasmKernels. A GPU has its own. */
  readonly threads?: number;
}

const OPTIONS: Forms<OpenKernelsOptions> = {
  ...WEBGPU_OPTIONS,
  threads: optional(whole(1, 1024)),
};

export type BackendKernels = WasmKernels | WebGpuKernels;

/**
 * Kernels on a device of the caller's, who destroys it after disposing of them.
 * @throws MocoError gpu-failed where a shader does not compile, device-lost; usage for an unknown name in `shaders`;
 * shape-mismatch for a `workgroupSize` out of its range
 */
export async function createWebGpuKernels(
  device: GPUDevice,
  options: WebGpuKernelsOptions = {},
): Promise<WebGpuKernels> {
  // Who computes on WebAssembly never loads it, nor the shaders.
  const webgpu = await import('./webgpu/webgpu-kernels.ts');
  return webgpu.createWebGpuKernels(device, options);
}

/**
 * The kernels of a backend; native has those of wasm. On WebGPU they are on a device of their own, of the best adapter
 * there is (a software one too), which ends with `dispose`.
 * @throws MocoError usage, backend-unavailable, gpu-failed, device-lost, worker-died
 */
export async function openKernels(
  backend: Backend,
  options: OpenKernelsOptions = {},
): Promise<BackendKernels> {
  expectArgument('openKernels', 'backend', backend, oneOf(['webgpu', 'native', 'wasm']));
  expectOptions('openKernels', options, OPTIONS);
  if (backend !== 'webgpu') return createWasmKernels({ threads: options.threads ?? 1 });
  const { device } = await requestDevice();
  try {
    const { threads: _ofWasm, ...forWebGpu } = options;
    const kernels = await createWebGpuKernels(device, forWebGpu);
    const dispose = kernels.dispose.bind(kernels);
    kernels.dispose = () => {
      dispose();
      // An open device may keep the process alive.
      device.destroy();
    };
    return kernels;
  } catch (error) {
    device.destroy();
    throw error;
  }
}
