import { MocoError } from '../../errors.ts';
import { expectWhole } from '../checks.ts';
import type { DeviceArray } from '../device-array.ts';
import type { BindGroups } from './bind-groups.ts';
import type { DeviceWatch } from './device-watch.ts';

export class WebGpuArray implements DeviceArray {
  readonly owner: WebGpuArrays;
  readonly length: number;
  /** null once freed. */
  buffer: GPUBuffer | null;
  /** Buffers that sessions own are only forgotten by `free`. */
  readonly wrapped: boolean;
  constructor(owner: WebGpuArrays, length: number, buffer: GPUBuffer, wrapped: boolean) {
    this.owner = owner;
    this.length = length;
    this.buffer = buffer;
    this.wrapped = wrapped;
  }
}

/** The arrays of one device: who owns which buffer, what fits, and reading back. */
export class WebGpuArrays {
  readonly #watch: DeviceWatch;
  readonly #groups: BindGroups;
  readonly #live = new Set<WebGpuArray>();
  /** Buffers that can be mapped, by size; in use ones are not in here. */
  readonly #staging = new Map<number, GPUBuffer[]>();

  constructor(watch: DeviceWatch, groups: BindGroups) {
    this.#watch = watch;
    this.#groups = groups;
  }

  get count(): number {
    return this.#live.size;
  }

  get bytes(): number {
    let sum = 0;
    for (const array of this.#live) if (!array.wrapped) sum += array.buffer?.size ?? 0;
    return sum;
  }

  allocate(length: number, what = `an array of ${length} float32`): WebGpuArray {
    expectWhole('length', length, 0);
    const { device } = this.#watch;
    // onnxruntime-web downloads sizes rounded up to 16 bytes.
    const size = Math.max(16, Math.ceil(length / 4) * 16);
    this.#expectBindable(what, size);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = device.createBuffer({ size, usage });
    this.#groups.own(buffer);
    return this.#add(new WebGpuArray(this, length, buffer, false));
  }

  wrap(buffer: GPUBuffer, length: number): WebGpuArray {
    expectWhole('length', length, 0);
    if (buffer.size < 4 * length) {
      throw new MocoError(
        'shape-mismatch',
        `a buffer of ${buffer.size} bytes does not hold ${length} float32`,
      );
    }
    // Kernels read some arrays by fours.
    if (buffer.size % 16 !== 0) {
      throw new MocoError(
        'shape-mismatch',
        `a wrapped buffer has a multiple of 16 bytes, as those of onnxruntime-web and of \`allocate\` have: this one has ${buffer.size}`,
      );
    }
    const needed = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    if ((buffer.usage & needed) !== needed) {
      throw new MocoError('usage', 'a wrapped buffer needs the usages STORAGE, COPY_SRC and COPY_DST');
    }
    this.#expectBindable(`the buffer of an array of ${length} float32`, buffer.size);
    return this.#add(new WebGpuArray(this, length, buffer, true));
  }

  free(array: DeviceArray): void {
    const own: WebGpuArray = this.at(array, 'array');
    this.#release(own);
    this.#live.delete(own);
  }

  /** A live array of this device. @throws MocoError array-freed */
  at(array: DeviceArray, name: string): WebGpuArray & { readonly buffer: GPUBuffer } {
    if (!(array instanceof WebGpuArray) || array.owner !== this) {
      throw new MocoError('array-freed', `${name} was not allocated by these kernels`);
    }
    if (array.buffer === null) throw new MocoError('array-freed', `${name} was used after it was freed`);
    return array as WebGpuArray & { readonly buffer: GPUBuffer };
  }

  /** Copies of the first `bytes` of buffers, after all that was submitted before. Multiples of 4. */
  async read(sources: readonly { buffer: GPUBuffer; bytes: number }[]): Promise<ArrayBuffer[]> {
    const { device } = this.#watch;
    const encoder = device.createCommandEncoder();
    const staged = sources.map(({ buffer, bytes }) => {
      const staging = this.#takeStaging(Math.max(bytes, 4));
      if (bytes > 0) encoder.copyBufferToBuffer(buffer, 0, staging, 0, bytes);
      return { staging, bytes };
    });
    device.queue.submit([encoder.finish()]);
    let whole = false;
    try {
      const mappings = staged.map(({ staging, bytes }) =>
        staging.mapAsync(GPUMapMode.READ, 0, Math.max(bytes, 4)),
      );
      await this.#watch.wait(Promise.all(mappings));
      const copies = staged.map(({ staging, bytes }) =>
        staging.getMappedRange(0, Math.max(bytes, 4)).slice(0, bytes),
      );
      whole = true;
      return copies;
    } finally {
      for (const { staging } of staged) {
        if (whole) {
          staging.unmap();
          this.#staging.set(staging.size, [...(this.#staging.get(staging.size) ?? []), staging]);
        } else {
          staging.destroy();
        }
      }
    }
  }

  dispose(): void {
    for (const array of this.#live) this.#release(array);
    this.#live.clear();
    for (const buffer of [...this.#staging.values()].flat()) buffer.destroy();
    this.#staging.clear();
  }

  #release(array: WebGpuArray): void {
    if (array.buffer && !array.wrapped) {
      this.#groups.forget(array.buffer);
      array.buffer.destroy();
    }
    array.buffer = null;
  }

  /** Kernels bind whole buffers. @throws MocoError out-of-memory for more than the device binds */
  #expectBindable(what: string, bytes: number): void {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#watch.device.limits;
    const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    if (bytes <= limit) return;
    throw new MocoError(
      'out-of-memory',
      `${what} takes ${bytes} bytes, but this GPU device binds at most ${limit} at once: lower the queue size, the batch size or the model`,
    );
  }

  #add(array: WebGpuArray): WebGpuArray {
    this.#live.add(array);
    return array;
  }

  /** A mappable buffer of at least that size; sizes are powers of two, so few different ones exist. */
  #takeStaging(bytes: number): GPUBuffer {
    const { device } = this.#watch;
    const rounded = 2 ** Math.max(8, Math.ceil(Math.log2(bytes)));
    const size = rounded <= device.limits.maxBufferSize ? rounded : Math.ceil(bytes / 4) * 4;
    const pooled = this.#staging.get(size)?.pop();
    return pooled ?? device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  }
}
