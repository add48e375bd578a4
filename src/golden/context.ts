import { MocoError } from '../errors.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { GoldenContext } from './case.ts';

/** What cases are computed with. `dispose` the kernels after the last case. */
export async function createContext(backend: 'wasm' | 'webgpu'): Promise<GoldenContext> {
  return { backend, kernels: absentKernels(backend) };
}

/** Placeholder for createWasmKernels(): any use of it fails the case that needs it. */
function absentKernels(backend: 'wasm' | 'webgpu'): Kernels {
  return new Proxy({ backend, dispose() {} } as unknown as Kernels, {
    get(target, name) {
      if (name in target) return Reflect.get(target, name);
      throw new MocoError('backend-unavailable', 'the kernels are not connected yet');
    },
  });
}
