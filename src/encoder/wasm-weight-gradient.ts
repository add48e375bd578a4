/** Weight gradients of an encoder on this thread's WebAssembly: by our kernel, in a memory of its own. */
import type { WasmKernels } from '../kernels/wasm/wasm-kernels.ts';
import type { WeightGradient } from './encoder.ts';
import { runKernelPart } from './kernel-part.ts';
import { floats, tensor } from './ort.ts';

/** The kernels are loaded with the first call. x and dy are copied: onnxruntime's heap is not to be seen from outside. */
export function wasmWeightGradient(): WeightGradient {
  let opened: Promise<WasmKernels> | null = null;
  return async (part, x, dy) => {
    opened ??= import('../kernels/wasm/wasm-kernels.ts').then(({ createWasmKernels }) => createWasmKernels());
    const values = { x: floats(x), dy: floats(dy), batch: x.dims[0]! };
    return tensor('wasm', await runKernelPart(part, await opened, values), part.weight.shape);
  };
}
