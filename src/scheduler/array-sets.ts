/**
 * Sets of arrays in kernel memory, all of the same lengths, which workers write into: a group's gradients come without a
 * copy, and a set is that group's until they have been added up.
 */
import { MocoError } from '../errors.ts';
import type { DeviceArray } from '../kernels/device-array.ts';
import type { WasmKernels } from '../kernels/wasm/wasm-kernels.ts';

export interface ArraySet {
  readonly arrays: readonly DeviceArray[];
  /** The arrays themselves, on shared memory. */
  readonly views: readonly Float32Array[];
}

/** Bytes that all sets may take: a quarter of what the kernels can have. */
const MOST_BYTES = 2 ** 30;

export class ArraySets {
  readonly #kernels: WasmKernels;
  readonly #lengths: readonly number[];
  readonly #all: ArraySet[] = [];
  readonly #free: ArraySet[] = [];

  constructor(kernels: WasmKernels, lengths: readonly number[]) {
    this.#kernels = kernels;
    this.#lengths = lengths;
  }

  /**
   * To be given back; null where there is no room for one more. A set whose worker was ended while it may have been writing
   * is not given back: it might write still.
   */
  take(): ArraySet | null {
    return this.#free.pop() ?? this.#make();
  }

  giveBack(set: ArraySet): void {
    this.#free.push(set);
  }

  dispose(): void {
    for (const { arrays } of this.#all) for (const array of arrays) this.#kernels.free(array);
    this.#all.length = 0;
    this.#free.length = 0;
  }

  #make(): ArraySet | null {
    const bytes = 4 * this.#lengths.reduce((sum, length) => sum + length, 0);
    if ((this.#all.length + 1) * bytes > MOST_BYTES) return null;
    const arrays: DeviceArray[] = [];
    try {
      for (const length of this.#lengths) arrays.push(this.#kernels.allocate(length));
    } catch (error) {
      for (const array of arrays) this.#kernels.free(array);
      if (error instanceof MocoError && error.code === 'out-of-memory') return null;
      throw error;
    }
    const set = { arrays, views: arrays.map((array) => this.#kernels.view(array)) };
    this.#all.push(set);
    return set;
  }
}
