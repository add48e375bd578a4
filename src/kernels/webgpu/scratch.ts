import { type WebGpuArray, WebGpuArrays } from './arrays.ts';
import type { BindGroups } from './bind-groups.ts';
import type { DeviceWatch } from './device-watch.ts';

/**
 * Buffers that kernels keep for themselves from call to call, each under a name. One can serve every call: the queue
 * orders what a call does with it after what earlier ones did.
 */
export class WebGpuScratch {
  readonly #arrays: WebGpuArrays;
  readonly #taken = new Map<string, WebGpuArray>();

  constructor(watch: DeviceWatch, groups: BindGroups) {
    this.#arrays = new WebGpuArrays(watch, groups);
  }

  /** At least `length` 32-bit numbers, whatever they are. @throws MocoError out-of-memory */
  take(name: string, length: number): GPUBuffer {
    let array = this.#taken.get(name);
    if (!array || array.length < length) {
      this.#taken.delete(name);
      if (array) this.#arrays.free(array);
      array = this.#arrays.allocate(length, `${name} (${length} numbers of 4 bytes)`);
      this.#taken.set(name, array);
    }
    return this.#arrays.at(array, name).buffer;
  }

  dispose(): void {
    this.#arrays.dispose();
  }
}
