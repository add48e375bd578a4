import { expectOptions, type Forms, instance, optional, whole } from '../../arguments.ts';
import { isPageThread } from '../../runtime/detect.ts';
import { canShareMemory } from '../../runtime/shared-memory.ts';
import { Checks, checkWrite } from '../checks.ts';
import type { DeviceArray } from '../device-array.ts';
import type { ExportCall } from '../export-call.ts';
import type { WasmCall } from '../kernel.ts';
import type { Kernels } from '../kernels.ts';
import { kernelCalls } from '../registry.ts';
import { outOfMemory, WasmArrays } from './arrays.ts';
import { instantiateKernels, type KernelInstance } from './module.ts';
import type { KernelTeam } from './team.ts';

const SHARED_FROM = 2 ** 23;

export interface WasmKernelsOptions {
  /** Upper limit of the memory in bytes (default and at most 4 GiB − 64 KiB). */
  maximumBytes?: number;
  /**
   * On how many threads a long call is computed, the calling one included (default 1). None are added on a page's own
   * thread, which may not wait for them, nor where memory cannot be shared. The results are the same, bit for bit.
   */
  threads?: number;
  /** From how many elements on a call is shared among threads (default 2²³: with fewer it may take as long to wake them). */
  sharedFrom?: number;
  /** WebAssembly to take in place of kernels.wasm, to see what changed kernels do. */
  module?: Uint8Array<ArrayBuffer>;
}

const OPTIONS: Forms<WasmKernelsOptions> = {
  maximumBytes: optional(whole(1, 2 ** 32)),
  threads: optional(whole(1, 1024)),
  sharedFrom: optional(whole(0, Number.MAX_SAFE_INTEGER)),
  module: optional(instance('the bytes of a WebAssembly module (Uint8Array)', 'Uint8Array')),
};

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
 * @throws MocoError backend-unavailable without WebAssembly SIMD and threads, or where kernels.wasm is missing; usage
 * (an option out of range), worker-died
 */
export async function createWasmKernels(options: WasmKernelsOptions = {}): Promise<WasmKernels> {
  expectOptions('createWasmKernels', options, OPTIONS);
  const pages = options.maximumBytes === undefined ? undefined : Math.ceil(options.maximumBytes / 65536);
  const { threads = 1, sharedFrom = SHARED_FROM } = options;
  const instance = await instantiateKernels(pages, options.module);
  const mayWait = canShareMemory() && !isPageThread();
  const team = threads > 1 && mayWait ? await startTeam(instance, threads - 1) : null;
  const arrays = new WasmArrays(instance);
  const checks = new Checks((array, name) => arrays.at(array, name));
  const inOrder = (calls: readonly ExportCall[]) =>
    calls.map(({ called, args }) => called(...args) as number);
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
    threadsFor: (work) => (team && work >= sharedFrom ? team.threads : 1),
    share(calls) {
      if (!team || calls.length < 2) return inOrder(calls);
      try {
        return team.make(calls);
      } catch (error) {
        // What the call was to write is torn: nobody may take it for a state.
        arrays.fail(error);
        throw error;
      }
    },
    inOrder,
    expectMemory(done, what) {
      if (!done) throw outOfMemory(what);
    },
  };
  const calls = kernelCalls(checks, (kernel, args) => kernel.wasm(args, call));
  return Object.assign(new WasmMemory(arrays, team), calls);
}

/** Loaded where it is asked for: one thread needs no workers. */
async function startTeam(instance: KernelInstance, others: number): Promise<KernelTeam> {
  const { KernelTeam } = await import('./team.ts');
  return KernelTeam.start(instance, others);
}

class WasmMemory {
  readonly backend = 'wasm';
  readonly #arrays: WasmArrays;
  readonly #team: KernelTeam | null;

  constructor(arrays: WasmArrays, team: KernelTeam | null) {
    this.#arrays = arrays;
    this.#team = team;
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
    this.#team?.dispose();
    this.#arrays.dispose();
  }
}
