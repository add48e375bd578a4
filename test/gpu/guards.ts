/** Finds writes beyond the end of an array, where nothing keeps a shader from them. */
import type { DeviceArray } from '../../src/kernels/device-array.ts';
import type { WebGpuKernels } from '../../src/kernels/webgpu/webgpu-kernels.ts';

/** Bytes behind each array: more than the 256 elements of a workgroup. */
const BEHIND = 4096;
/**
 * Word i behind the n-th buffer: unlike that behind others, so that copies and averages of them show, and by turns about 1e9
 * and a NaN, which show where they are written and where they are read.
 */
function pattern(n: number, i: number): number {
  return ((i % 2 ? 0x7fc00000 : 0x4e800000) | (Math.imul(n, 0x9e3779b1) >>> 10)) >>> 0;
}

interface Guarded {
  /** Its number: no two have the same. */
  n: number;
  /** First byte of the guard. */
  start: number;
  end: number;
  destroy(): void;
  /** Its owner has destroyed it. */
  over: boolean;
}

/**
 * From now on each storage buffer of a device is longer than it was asked for, and what is behind is full of a pattern.
 * Kernels bind whole buffers: a shader without bounds checks reads and writes there. Buffers live until `damage` has seen them.
 */
export class Guards {
  readonly #device: GPUDevice;
  readonly #create: GPUDevice['createBuffer'];
  readonly #guarded = new Map<GPUBuffer, Guarded>();
  #count = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#create = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => this.#guard(descriptor);
  }

  /** An array of kernels whose guard begins right behind its last element. */
  allocate(kernels: WebGpuKernels, length: number): DeviceArray {
    const array = kernels.allocate(length);
    const buffer = kernels.buffer(array);
    const guarded = this.#guarded.get(buffer)!;
    guarded.start = 4 * length;
    this.#fill(buffer, guarded);
    return array;
  }

  /** How many guards there are, and how many words of them are not what they were. */
  async damage(): Promise<{ guards: number; words: number }> {
    const guarded = [...this.#guarded];
    const size = guarded.reduce((sum, [, { start, end }]) => sum + end - start, 0);
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const staging = this.#create({ size: Math.max(size, 4), usage });
    const encoder = this.#device.createCommandEncoder();
    let at = 0;
    for (const [buffer, { start, end }] of guarded) {
      encoder.copyBufferToBuffer(buffer, start, staging, at, end - start);
      at += end - start;
    }
    this.#device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const found = new Uint32Array(staging.getMappedRange());
    let next = 0;
    let words = 0;
    for (const [, { n, start, end }] of guarded) {
      for (let i = 0; i < (end - start) / 4; i++) if (found[next++] !== pattern(n, i)) words++;
    }
    staging.destroy();
    for (const [buffer, { over, destroy }] of guarded) {
      if (!over) continue;
      destroy();
      this.#guarded.delete(buffer);
    }
    return { guards: guarded.length, words };
  }

  #guard(descriptor: GPUBufferDescriptor): GPUBuffer {
    if ((descriptor.usage & GPUBufferUsage.STORAGE) === 0) return this.#create(descriptor);
    const usage = descriptor.usage | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const end = descriptor.size + BEHIND;
    const buffer = this.#create({ ...descriptor, usage, size: end });
    const n = ++this.#count;
    const guarded = { n, start: descriptor.size, end, over: false, destroy: buffer.destroy.bind(buffer) };
    buffer.destroy = () => {
      guarded.over = true;
    };
    this.#guarded.set(buffer, guarded);
    this.#fill(buffer, guarded);
    return buffer;
  }

  #fill(buffer: GPUBuffer, { n, start, end }: Guarded): void {
    const words = Uint32Array.from({ length: (end - start) / 4 }, (_, i) => pattern(n, i));
    this.#device.queue.writeBuffer(buffer, start, words);
  }
}
