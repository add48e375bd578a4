/** Worker script: a further thread of the wasm kernels. It has an instance of its own on the memory of the others. */
import { exposeInWorker } from '../../runtime/worker.ts';
import { ControlBlock } from './control-block.ts';
import type { WasmExports } from './module.ts';

const api = {
  /** The worker is then deaf to all but the control block. */
  async join(
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    block: SharedArrayBuffer,
  ): Promise<void> {
    const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
    const control = new ControlBlock(exports as unknown as WasmExports, block);
    // Later: this call has to be answered first.
    setTimeout(() => control.serve());
  },
};

export type KernelWorkerApi = typeof api;

void exposeInWorker(api);
