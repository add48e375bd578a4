/** The trainer's working memory: what each step writes anew. */
import { MocoError } from '../errors.ts';
import type { DeviceArray } from '../kernels/device-array.ts';
import type { Kernels } from '../kernels/kernels.ts';

export class Workspace {
  readonly #kernels: Kernels;
  readonly #arrays = new Map<string, DeviceArray>();

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
  }

  /** The array of that name, zero where it is asked for the first time. @throws MocoError out-of-memory, shape-mismatch */
  array(name: string, length: number): DeviceArray {
    const found = this.#arrays.get(name);
    if (found?.length === length) return found;
    if (found) {
      throw new MocoError(
        'shape-mismatch',
        `${name} has ${found.length} elements, and was asked for with ${length}`,
      );
    }
    const array = this.#kernels.allocate(length);
    this.#arrays.set(name, array);
    return array;
  }

  list(name: string, lengths: readonly number[]): DeviceArray[] {
    return lengths.map((length, i) => this.array(`${name} ${i}`, length));
  }

  dispose(): void {
    for (const array of this.#arrays.values()) this.#kernels.free(array);
    this.#arrays.clear();
  }
}
