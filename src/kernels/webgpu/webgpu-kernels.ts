import { callback, expectArgument, expectOptions, made, record } from '../../arguments.ts';
import { MocoError } from '../../errors.ts';
import { Checks, checkWrite } from '../checks.ts';
import type { DeviceArray } from '../device-array.ts';
import type { WebGpuCall } from '../kernel.ts';
import type { Kernels } from '../kernels.ts';
import { kernelCalls } from '../registry.ts';
import { type WebGpuArray, WebGpuArrays } from './arrays.ts';
import { BindGroups } from './bind-groups.ts';
import { WebGpuCommands } from './commands.ts';
import { DeviceWatch } from './device-watch.ts';
import { createPipelines, expectShaderFiles, type Pipelines } from './pipelines.ts';
import { WebGpuScratch } from './scratch.ts';
import { chooseVariant } from './variants.ts';
import { WEBGPU_OPTIONS, type WebGpuKernelsOptions } from './webgpu-options.ts';

/** The kernels on WebGPU, with what a device that others use too asks for. */
export interface WebGpuKernels extends Kernels {
  readonly backend: 'webgpu';
  readonly device: GPUDevice;
  /**
   * The buffer of an array, for onnxruntime-web's tensors: STORAGE, COPY_SRC and COPY_DST, its size a multiple of 16
   * bytes. Valid until the array is freed. @throws MocoError array-freed
   */
  buffer(array: DeviceArray): GPUBuffer;
  /**
   * An array over a buffer that someone else owns, its size a multiple of 16 bytes: `free` forgets it and leaves the buffer as it
   * is. @throws MocoError shape-mismatch, usage, out-of-memory
   */
  wrap(buffer: GPUBuffer, length: number): DeviceArray;
  /**
   * Waits for work on the device that somebody else issued, but not beyond its loss.
   * @throws MocoError device-lost, out-of-memory, gpu-failed
   */
  wait<T>(work: Promise<T>): Promise<T>;
  /** Bytes of the buffers that these kernels own. */
  readonly heapBytes: number;
  /** How many arrays are live. */
  readonly liveArrays: number;
}

const DEVICE = made<GPUDevice>('a GPUDevice (the `device` of what requestDevice gave)', {
  createBuffer: callback,
  limits: record,
});

/**
 * Kernels on a device of the caller's, who destroys it after disposing of them.
 * @throws MocoError gpu-failed where a shader does not compile (later calls, of one that is compiled when it is wanted),
 * device-lost; usage for an unknown name in `shaders` and for an option out of its range
 */
export async function createWebGpuKernels(
  device: GPUDevice,
  given: WebGpuKernelsOptions = {},
): Promise<WebGpuKernels> {
  expectArgument('createWebGpuKernels', 'device', device, DEVICE);
  expectOptions('createWebGpuKernels', given, WEBGPU_OPTIONS);
  const { shaders = {}, ...options } = given;
  expectShaderFiles(shaders);
  const variant = chooseVariant(device, options);
  const watch = new DeviceWatch(device);
  const memory = new WebGpuMemory(watch, await watch.wait(createPipelines(device, shaders, variant)));
  const { checks, call } = memory;
  const calls = kernelCalls(checks, (kernel, args) => kernel.webgpu(args, call));
  return Object.assign(memory, calls);
}

class WebGpuMemory {
  readonly backend = 'webgpu';
  readonly device: GPUDevice;
  readonly checks: Checks;
  readonly call: WebGpuCall;
  readonly #watch: DeviceWatch;
  readonly #arrays: WebGpuArrays;
  readonly #commands: WebGpuCommands;
  readonly #scratch: WebGpuScratch;
  #disposed = false;

  constructor(watch: DeviceWatch, pipelines: Pipelines) {
    this.device = watch.device;
    this.#watch = watch;
    const groups = new BindGroups(watch.device);
    this.#arrays = new WebGpuArrays(watch, groups);
    this.#commands = new WebGpuCommands(watch, pipelines, groups);
    this.#scratch = new WebGpuScratch(watch, groups);
    this.checks = new Checks((array, name) => this.#live().at(array, name));
    this.call = this.#createCall();
  }

  get heapBytes(): number {
    return this.#arrays.bytes;
  }

  get liveArrays(): number {
    return this.#arrays.count;
  }

  allocate(length: number): DeviceArray {
    return this.#live().allocate(length);
  }

  wrap(buffer: GPUBuffer, length: number): DeviceArray {
    return this.#live().wrap(buffer, length);
  }

  buffer(array: DeviceArray): GPUBuffer {
    return this.#live().at(array, 'array').buffer;
  }

  wait<T>(work: Promise<T>): Promise<T> {
    return this.#watch.wait(work);
  }

  free(array: DeviceArray): void {
    // Also on a lost device: whoever cleans up after the loss is not stopped.
    if (this.#disposed) throw disposed();
    this.#arrays.free(array);
  }

  write(target: DeviceArray, values: Float32Array, offset = 0): void {
    const { buffer } = this.#live().at(target, 'target');
    checkWrite(target, values, offset);
    // Deno 2.9 panics on an empty array.
    if (values.length === 0) return;
    this.device.queue.writeBuffer(buffer, 4 * offset, values as Float32Array<ArrayBuffer>);
  }

  async read(array: DeviceArray): Promise<Float32Array> {
    const { buffer } = this.#live().at(array, 'array');
    const [bytes] = await this.#arrays.read([{ buffer, bytes: 4 * array.length }]);
    return new Float32Array(bytes!);
  }

  dispose(): void {
    this.#disposed = true;
    this.#arrays.dispose();
    this.#scratch.dispose();
    this.#commands.dispose();
    this.#watch.stop();
  }

  #createCall(): WebGpuCall {
    const openGate = this.#scratch.take('an open gate', 1);
    this.device.queue.writeBuffer(openGate, 0, Float32Array.of(1));
    return {
      openGate,
      at: (array) => this.#arrays.at(array, 'array').buffer,
      run: (dispatches) => this.#commands.run(dispatches),
      copy: (pairs) => this.#copy(pairs),
      scratch: (name, length) => this.#scratch.take(name, length),
      upload: (name, values) => {
        const buffer = this.#scratch.take(name, values.length);
        this.device.queue.writeBuffer(buffer, 0, values as Uint32Array<ArrayBuffer>);
        return buffer;
      },
      borrow: (lengths, task) => this.#borrow(lengths, task),
      read: (sources) => this.#arrays.read(sources),
    };
  }

  #copy(pairs: Parameters<WebGpuCall['copy']>[0]): void {
    const encoder = this.device.createCommandEncoder();
    for (const { target, source, bytes } of pairs) {
      if (bytes > 0) encoder.copyBufferToBuffer(source, 0, target, 0, bytes);
    }
    this.device.queue.submit([encoder.finish()]);
  }

  async #borrow<T>(
    lengths: Readonly<Record<string, number>>,
    task: (buffers: Readonly<Record<string, GPUBuffer>>) => Promise<T>,
  ): Promise<T> {
    const taken: WebGpuArray[] = [];
    try {
      const buffers: Record<string, GPUBuffer> = {};
      for (const [what, length] of Object.entries(lengths)) {
        const array = this.#arrays.allocate(length, what);
        taken.push(array);
        buffers[what] = this.#arrays.at(array, what).buffer;
      }
      return await task(buffers);
    } finally {
      // Those that are gone already went with all others, in `dispose`.
      for (const array of taken) if (array.buffer) this.#arrays.free(array);
    }
  }

  /** @throws MocoError array-freed, device-lost, out-of-memory, gpu-failed */
  #live(): WebGpuArrays {
    if (this.#disposed) throw disposed();
    this.#watch.check();
    return this.#arrays;
  }
}

function disposed(): MocoError {
  return new MocoError('array-freed', 'these kernels have been disposed of');
}
