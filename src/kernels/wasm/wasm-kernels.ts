import { Checks, checkWrite } from '../checks.ts';
import type { DeviceArray } from '../device-array.ts';
import type { WasmCall } from '../kernel.ts';
import type { Kernels } from '../kernels.ts';
import { kernelCalls } from '../registry.ts';
import { outOfMemory, WasmArrays } from './arrays.ts';
import { instantiateKernels } from './module.ts';

export interface WasmKernelsOptions {
  /** Upper limit of the memory in bytes (default and at most 4 GiB − 64 KiB). */
  maximumBytes?: number;
  /** WebAssembly to take in place of kernels.wasm, to see what changed kernels do. */
  module?: Uint8Array<ArrayBuffer>;
}

/** The kernels on WebAssembly SIMD, with what only memory that JavaScript can see allows. */
export interface WasmKernels extends Kernels {
  readonly backend: 'wasm';
  /**
   * The array itself, not a copy, on a SharedArrayBuffer: valid until the array is freed, also while memory grows.
   * @throws MocoError array-freed
   */
  view(array: DeviceArray): Float32Array<SharedArrayBuffer>;
  /** Bytes of all live arrays, with 16 of bookkeeping for each. Equal before and after whatever frees what it takes. */
  readonly heapBytes: number;
  /** How many arrays are live. */
  readonly liveArrays: number;
}

/**
 * Kernels with a memory of their own. `dispose` ends them.
 * @throws MocoError backend-unavailable without WebAssembly SIMD and threads, or where kernels.wasm is missing
 */
export async function createWasmKernels(options: WasmKernelsOptions = {}): Promise<WasmKernels> {
  const pages = options.maximumBytes === undefined ? undefined : Math.ceil(options.maximumBytes / 65536);
  const arrays = new WasmArrays(await instantiateKernels(pages, options.module));
  const checks = new Checks((array, name) => arrays.at(array, name));
  const call: WasmCall<never> = {
    // Each kernel says what it calls of them.
    get exports() {
      return arrays.exports as never;
    },
    at: (array) => arrays.at(array, 'array'),
    view: (array) => arrays.view(array),
    borrow(bytes, what, task) {
      const address = arrays.take(bytes, what);
      try {
        return task(address, arrays.buffer);
      } finally {
        arrays.exports.free(address);
      }
    },
    expectMemory(done, what) {
      if (!done) throw outOfMemory(what);
    },
  };
  const calls = kernelCalls((kernel, args) => {
    kernel.check(args, checks);
    return kernel.wasm(args, call);
  });
  return Object.assign(new WasmMemory(arrays), calls);
}

class WasmMemory {
  readonly backend = 'wasm';
  readonly #arrays: WasmArrays;

  constructor(arrays: WasmArrays) {
    this.#arrays = arrays;
  }

  get heapBytes(): number {
    return this.#arrays.exports.heapBytes() >>> 0;
  }

  get liveArrays(): number {
    return this.#arrays.exports.liveBlocks();
  }

  allocate(length: number): DeviceArray {
    return this.#arrays.allocate(length);
  }

  free(array: DeviceArray): void {
    this.#arrays.free(array);
  }

  view(array: DeviceArray): Float32Array<SharedArrayBuffer> {
    return this.#arrays.view(array);
  }

  write(target: DeviceArray, values: Float32Array, offset = 0): void {
    this.#arrays.at(target, 'target');
    checkWrite(target, values, offset);
    this.view(target).set(values, offset);
  }

  async read(array: DeviceArray): Promise<Float32Array> {
    return new Float32Array(this.view(array));
  }

  dispose(): void {
    this.#arrays.dispose();
  }
}
