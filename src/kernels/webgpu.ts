import { MocoError } from '../errors.ts';
import type {
  DeviceArray,
  InfoNceArguments,
  Kernels,
  SgdOptions,
  SummaryArguments,
  TopK,
} from './kernels.ts';
import { Operands, type Pair } from './operands.ts';
import { WebGpuArrays } from './webgpu-arrays.ts';
import { elements, f32, grid, overPairs, WebGpuCommands } from './webgpu-commands.ts';
import { DeviceWatch } from './webgpu-device.ts';
import { infoNceDispatches } from './webgpu-infonce.ts';
import { createPipelines, type Pipelines } from './webgpu-pipelines.ts';
import { WebGpuScratch } from './webgpu-scratch.ts';
import { expectShaderFiles, type ShaderName, type ShaderTexts } from './webgpu-shaders.ts';
import { nearestRows } from './webgpu-topk.ts';
import { chooseVariant, type VariantOptions } from './webgpu-variants.ts';

/** The kernels on WebGPU, with what a device that others use too asks for. */
export interface WebGpuKernels extends Kernels {
  readonly backend: 'webgpu';
  readonly device: GPUDevice;
  /**
   * The buffer of an array, for onnxruntime-web's tensors: STORAGE, COPY_SRC and COPY_DST, its size a multiple of 16
   * bytes. Valid until the array is freed. @throws MocoError array-freed
   */
  buffer(array: DeviceArray): GPUBuffer;
  /** An array over a buffer that someone else owns: `free` forgets it and leaves the buffer as it is. */
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

export interface WebGpuKernelsOptions extends VariantOptions {
  /** WGSL to take in place of files of shaders/, by their names. */
  shaders?: ShaderTexts;
}

/**
 * Kernels on a device of the caller's, who destroys it after disposing of them.
 * @throws MocoError gpu-failed where a shader does not compile, device-lost; usage for an unknown name in `shaders`;
 * shape-mismatch for a `workgroupSize` out of its range
 */
export async function createWebGpuKernels(
  device: GPUDevice,
  { shaders = {}, ...options }: WebGpuKernelsOptions = {},
): Promise<WebGpuKernels> {
  expectShaderFiles(shaders);
  const variant = chooseVariant(device, options);
  const watch = new DeviceWatch(device);
  return new WebGpu(watch, await watch.wait(createPipelines(device, shaders, variant)));
}

class WebGpu implements WebGpuKernels {
  readonly backend = 'webgpu';
  readonly device: GPUDevice;
  readonly #watch: DeviceWatch;
  readonly #arrays: WebGpuArrays;
  readonly #commands: WebGpuCommands;
  readonly #operands: Operands<GPUBuffer>;
  readonly #scratch: WebGpuScratch;
  /** A gate for calls that have none. */
  readonly #alwaysOpen: GPUBuffer;
  #disposed = false;

  constructor(watch: DeviceWatch, pipelines: Pipelines) {
    this.device = watch.device;
    this.#watch = watch;
    this.#arrays = new WebGpuArrays(watch);
    this.#operands = new Operands((array, name) => this.#live().at(array, name).buffer);
    this.#commands = new WebGpuCommands(watch, pipelines);
    this.#scratch = new WebGpuScratch(watch);
    this.#alwaysOpen = this.#scratch.take('an open gate', 1);
    this.device.queue.writeBuffer(this.#alwaysOpen, 0, Float32Array.of(1));
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
    const buffer = this.#operands.write(target, values, offset);
    // Deno 2.9 panics on an empty array.
    if (values.length === 0) return;
    this.device.queue.writeBuffer(buffer, 4 * offset, values as Float32Array<ArrayBuffer>);
  }

  async read(array: DeviceArray): Promise<Float32Array> {
    const { buffer } = this.#live().at(array, 'array');
    const [bytes] = await this.#arrays.read([{ buffer, bytes: 4 * array.length }]);
    return new Float32Array(bytes!);
  }

  copy(targets: readonly DeviceArray[], sources: readonly DeviceArray[], gate?: DeviceArray): void {
    const pairs = this.#operands.pairs(['targets', 'sources'], targets, sources);
    if (gate) {
      this.#commands.run(overPairs('copy', pairs, [this.#operands.gate(gate)]));
      return;
    }
    const encoder = this.device.createCommandEncoder();
    for (const { target, source, length } of pairs) {
      if (source !== target && length > 0) encoder.copyBufferToBuffer(source, 0, target, 0, 4 * length);
    }
    this.device.queue.submit([encoder.finish()]);
  }

  gatherRows(target: DeviceArray, source: DeviceArray, rows: Uint32Array, dim: number): void {
    this.#moveRows('gatherRows', this.#operands.gatherRows(target, source, rows, dim), rows, dim);
  }

  scatterRows(target: DeviceArray, source: DeviceArray, rows: Uint32Array, dim: number): void {
    this.#moveRows('scatterRows', this.#operands.scatterRows(target, source, rows, dim), rows, dim);
  }

  l2Normalize(x: DeviceArray, y: DeviceArray, norm: DeviceArray, rows: number, dim: number): void {
    const buffers = this.#operands.l2Normalize(x, y, norm, rows, dim);
    this.#commands.run([{ shader: 'l2Norm', parameters: [rows, dim], buffers, workgroups: grid(rows) }]);
  }

  l2NormalizeBackward(
    y: DeviceArray,
    norm: DeviceArray,
    dy: DeviceArray,
    dx: DeviceArray,
    rows: number,
    dim: number,
  ): void {
    const buffers = this.#operands.l2NormalizeBackward(y, norm, dy, dx, rows, dim);
    const workgroups = grid(rows);
    this.#commands.run([{ shader: 'l2NormBackward', parameters: [rows, dim], buffers, workgroups }]);
  }

  infoNce(args: InfoNceArguments): void {
    this.#commands.run(infoNceDispatches(args, this.#operands.infoNce(args), this.#scratch));
  }

  enqueue(
    queue: DeviceArray,
    keys: DeviceArray,
    pointer: number,
    queueSize: number,
    rows: number,
    dim: number,
    gate: DeviceArray,
  ): void {
    const buffers = this.#operands.enqueue(queue, keys, pointer, queueSize, rows, dim, gate);
    const skipped = Math.max(rows - queueSize, 0);
    const count = (rows - skipped) * dim;
    const parameters = [count, dim, queueSize, (pointer + skipped) % queueSize, skipped];
    this.#commands.run([{ shader: 'enqueue', parameters, buffers, workgroups: elements(count) }]);
  }

  ema(key: readonly DeviceArray[], query: readonly DeviceArray[], m: number, gate?: DeviceArray): void {
    const pairs = this.#operands.ema(key, query, m);
    const gateBuffer = gate ? this.#operands.gate(gate) : this.#alwaysOpen;
    this.#commands.run(overPairs('ema', pairs, [gateBuffer], () => [f32(m), f32(1 - m)]));
  }

  accumulate(sums: readonly DeviceArray[], xs: readonly DeviceArray[]): void {
    this.#commands.run(overPairs('accumulate', this.#operands.pairs(['sums', 'xs'], sums, xs)));
  }

  updateRunning(
    running: readonly DeviceArray[],
    sums: readonly DeviceArray[],
    keep: number,
    scales: readonly number[],
    gate: DeviceArray,
  ): void {
    const pairs = this.#operands.updateRunning(running, sums, keep, scales);
    const gateBuffer = this.#operands.gate(gate);
    this.#commands.run(overPairs('ema', pairs, [gateBuffer], (i) => [f32(keep), f32(scales[i]!)]));
  }

  finiteGate(gate: DeviceArray, arrays: readonly DeviceArray[]): void {
    const target = this.#operands.gate(gate);
    const pairs = arrays.map((array, i) => {
      return { target, source: this.#operands.at(array, `arrays[${i}]`), length: array.length };
    });
    this.#commands.run(overPairs('finite', pairs));
  }

  sgd(
    parameters: readonly DeviceArray[],
    gradients: readonly DeviceArray[],
    momentumBuffers: readonly DeviceArray[],
    options: SgdOptions,
    gate: DeviceArray,
  ): void {
    const triples = this.#operands.sgd(parameters, gradients, momentumBuffers, options);
    const gateBuffer = this.#operands.gate(gate);
    const { learningRate, momentum: mu, weightDecay } = options;
    const dispatches = triples.map(({ parameter, momentum, gradient, length }) => ({
      shader: 'sgd' as const,
      parameters: [length, f32(learningRate), f32(mu), f32(weightDecay)],
      buffers: [parameter, momentum, gradient, gateBuffer],
      workgroups: elements(length),
    }));
    this.#commands.run(dispatches);
  }

  summarize(args: SummaryArguments): void {
    const { loss, rank, query, gate, summary } = this.#operands.summarize(args);
    const buffers = [loss, rank, query, gate, summary];
    this.#commands.run([{ shader: 'summary', parameters: [args.rows, args.dim], buffers, workgroups: [1] }]);
  }

  async topK(
    queries: DeviceArray,
    bank: DeviceArray,
    q: number,
    m: number,
    dim: number,
    k: number,
  ): Promise<TopK> {
    const at = this.#operands.topK(queries, bank, q, m, dim, k);
    return nearestRows(this.#arrays, this.#commands, at.queries, at.bank, q, m, dim, k);
  }

  dispose(): void {
    this.#disposed = true;
    this.#arrays.dispose();
    this.#scratch.dispose();
    this.#commands.dispose();
    this.#watch.stop();
  }

  /** gatherRows or scatterRows: the list of rows goes to the device first. */
  #moveRows(shader: ShaderName, pair: Pair<GPUBuffer>, rows: Uint32Array, dim: number): void {
    const { target, source, length } = pair;
    if (length === 0) return;
    const list = this.#scratch.take('the rows to move', rows.length);
    this.device.queue.writeBuffer(list, 0, rows as Uint32Array<ArrayBuffer>);
    const buffers = [target, source, list];
    this.#commands.run([{ shader, parameters: [length, dim], buffers, workgroups: elements(length) }]);
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
