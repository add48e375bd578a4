import { MocoError } from '../../errors.ts';
import { expectWhole } from '../checks.ts';
import type { DeviceArray } from '../device-array.ts';
import type { WasmExports } from './module.ts';

class WasmArray implements DeviceArray {
  readonly owner: WasmArrays;
  readonly length: number;
  /** Byte address; 0 once freed. */
  pointer: number;
  constructor(owner: WasmArrays, length: number, pointer: number) {
    this.owner = owner;
    this.length = length;
    this.pointer = pointer;
  }
}

interface Instance {
  readonly exports: WasmExports;
  readonly memory: WebAssembly.Memory;
}

/** The arrays of one instance: who owns which address, and what is left when all is disposed of. */
export class WasmArrays {
  /** null once disposed of: nothing else holds the memory. */
  #instance: Instance | null;
  /** What each use of an array throws. */
  #failure: unknown = null;

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  /** @throws MocoError array-freed after `dispose` */
  get exports(): WasmExports {
    return this.#live().exports;
  }

  get buffer(): SharedArrayBuffer {
    return this.#live().memory.buffer as unknown as SharedArrayBuffer;
  }

  allocate(length: number): DeviceArray {
    expectWhole('length', length, 0);
    return new WasmArray(this, length, this.take(4 * length, `an array of ${length} float32`));
  }

  free(array: DeviceArray): void {
    const live = this.#own(array, 'array');
    this.exports.free(live.pointer);
    live.pointer = 0;
  }

  view(array: DeviceArray): Float32Array<SharedArrayBuffer> {
    return new Float32Array(this.buffer, this.at(array, 'array'), array.length);
  }

  /** The address of a live array of this instance. @throws MocoError array-freed, and what `fail` was given */
  at(array: DeviceArray, name: string): number {
    if (this.#failure) throw this.#failure;
    return this.#own(array, name).pointer;
  }

  /** From now on no array can be used, only freed. */
  fail(error: unknown): void {
    this.#failure = error;
  }

  /** The address of so many bytes, which `exports.free` takes back. @throws MocoError out-of-memory */
  take(bytes: number, what: string): number {
    const pointer = bytes < 2 ** 32 - 2 ** 16 ? this.exports.allocate(bytes) >>> 0 : 0;
    if (pointer === 0) throw outOfMemory(what);
    return pointer;
  }

  dispose(): void {
    this.#instance = null;
  }

  #own(array: DeviceArray, name: string): WasmArray {
    this.#live();
    if (!(array instanceof WasmArray) || array.owner !== this) {
      throw new MocoError('array-freed', `${name} was not allocated by these kernels`);
    }
    if (array.pointer === 0) throw new MocoError('array-freed', `${name} was used after it was freed`);
    return array;
  }

  #live(): Instance {
    if (!this.#instance) throw new MocoError('array-freed', 'these kernels have been disposed of');
    return this.#instance;
  }
}

export function outOfMemory(what: string): MocoError {
  return new MocoError(
    'out-of-memory',
    `there is no memory left for ${what}: lower the batch size, the queue size or the number of groups in flight`,
  );
}
