import { MocoError } from '../errors.ts';
import { expectNumber, expectSameCount, expectSgdOptions, expectWhole } from './checks.ts';
import type { DeviceArray, InfoNceArguments, Kernels, SgdOptions, TopK } from './kernels.ts';
import { WebGpuArrays } from './webgpu-arrays.ts';
import { elements, f32, grid, WebGpuCommands } from './webgpu-commands.ts';
import { DeviceWatch } from './webgpu-device.ts';
import { InfoNceScratch, infoNceDispatches } from './webgpu-infonce.ts';
import { createPipelines, type Pipelines } from './webgpu-pipelines.ts';
import { nearestRows } from './webgpu-topk.ts';

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

/**
 * Kernels on a device of the caller's, who destroys it after disposing of them.
 * @throws MocoError gpu-failed where a shader does not compile, device-lost
 */
export async function createWebGpuKernels(device: GPUDevice): Promise<WebGpuKernels> {
  const watch = new DeviceWatch(device);
  return new WebGpu(watch, await watch.wait(createPipelines(device)));
}

class WebGpu implements WebGpuKernels {
  readonly backend = 'webgpu';
  readonly device: GPUDevice;
  readonly #watch: DeviceWatch;
  readonly #arrays: WebGpuArrays;
  readonly #commands: WebGpuCommands;
  readonly #scratch: InfoNceScratch;
  #disposed = false;

  constructor(watch: DeviceWatch, pipelines: Pipelines) {
    this.device = watch.device;
    this.#watch = watch;
    this.#arrays = new WebGpuArrays(watch);
    this.#commands = new WebGpuCommands(watch, pipelines);
    this.#scratch = new InfoNceScratch(new WebGpuArrays(watch));
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
    expectWhole('offset', offset, 0);
    if (offset + values.length > target.length) {
      throw new MocoError(
        'shape-mismatch',
        `values has ${values.length} elements at offset ${offset}, but target only ${target.length}`,
      );
    }
    const view = values as Float32Array<ArrayBuffer>;
    this.device.queue.writeBuffer(buffer, 4 * offset, view);
  }

  async read(array: DeviceArray): Promise<Float32Array> {
    const { buffer } = this.#live().at(array, 'array');
    const [bytes] = await this.#arrays.read([{ buffer, bytes: 4 * array.length }]);
    return new Float32Array(bytes!);
  }

  copy(target: DeviceArray, source: DeviceArray): void {
    const from = this.#live().same('source', source, target);
    const to = this.buffer(target);
    if (from === to || target.length === 0) return;
    const encoder = this.device.createCommandEncoder();
    encoder.copyBufferToBuffer(from, 0, to, 0, 4 * target.length);
    this.device.queue.submit([encoder.finish()]);
  }

  gatherRows(
    target: DeviceArray,
    source: DeviceArray,
    first: number,
    stride: number,
    rows: number,
    dim: number,
  ): void {
    const to = this.#live().matrix('target', target, rows, dim);
    expectWhole('first', first, 0);
    expectWhole('stride', stride, 1);
    const needed = (first + (rows - 1) * stride + 1) * dim;
    if (source.length < needed) {
      throw new MocoError(
        'shape-mismatch',
        `source has ${source.length} elements, but its last row ends at ${needed}`,
      );
    }
    const buffers = [to, this.#arrays.at(source, 'source').buffer];
    const parameters = [rows * dim, dim, first, stride];
    this.#commands.run([{ shader: 'gatherRows', parameters, buffers, workgroups: elements(rows * dim) }]);
  }

  l2Normalize(x: DeviceArray, y: DeviceArray, norm: DeviceArray, rows: number, dim: number): void {
    const arrays = this.#live();
    const buffers = [
      arrays.matrix('x', x, rows, dim),
      arrays.matrix('y', y, rows, dim),
      arrays.matrix('norm', norm, rows),
    ];
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
    const arrays = this.#live();
    const buffers = [
      arrays.matrix('y', y, rows, dim),
      arrays.matrix('norm', norm, rows),
      arrays.matrix('dy', dy, rows, dim),
      arrays.matrix('dx', dx, rows, dim),
    ];
    const workgroups = grid(rows);
    this.#commands.run([{ shader: 'l2NormBackward', parameters: [rows, dim], buffers, workgroups }]);
  }

  infoNce(args: InfoNceArguments): void {
    const { rows, dim, queueSize, temperature, gradientScale } = args;
    expectWhole('queueSize', queueSize, 1);
    expectNumber('temperature', temperature, temperature > 0, 'greater than 0');
    expectNumber('gradientScale', gradientScale, true, 'finite');
    const arrays = this.#live();
    const buffers = {
      query: arrays.matrix('query', args.query, rows, dim),
      key: arrays.matrix('key', args.key, rows, dim),
      queue: arrays.matrix('queue', args.queue, queueSize, dim),
      loss: arrays.matrix('loss', args.loss, rows),
      dQuery: arrays.matrix('dQuery', args.dQuery, rows, dim),
      rank: arrays.matrix('rank', args.rank, rows),
    };
    this.#commands.run(infoNceDispatches(args, buffers, this.#scratch));
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
    expectWhole('queueSize', queueSize, 1);
    expectWhole('pointer', pointer, 0, queueSize - 1);
    const arrays = this.#live();
    const buffers = [
      arrays.matrix('queue', queue, queueSize, dim),
      arrays.matrix('keys', keys, rows, dim),
      arrays.matrix('gate', gate, 1),
    ];
    const skipped = Math.max(rows - queueSize, 0);
    const count = (rows - skipped) * dim;
    const parameters = [count, dim, queueSize, (pointer + skipped) % queueSize, skipped];
    this.#commands.run([{ shader: 'enqueue', parameters, buffers, workgroups: elements(count) }]);
  }

  ema(key: readonly DeviceArray[], query: readonly DeviceArray[], m: number): void {
    expectNumber('m', m, m >= 0 && m <= 1, 'in [0, 1]');
    expectSameCount('key and query', [key.length, query.length]);
    const arrays = this.#live();
    const dispatches = key.map((k, i) => ({
      shader: 'ema' as const,
      parameters: [k.length, f32(m), f32(1 - m)],
      buffers: [arrays.at(k, `key[${i}]`).buffer, arrays.same(`query[${i}]`, query[i]!, k)],
      workgroups: elements(k.length),
    }));
    this.#commands.run(dispatches);
  }

  accumulate(sum: DeviceArray, x: DeviceArray): void {
    const buffers = [this.#live().at(sum, 'sum').buffer, this.#arrays.same('x', x, sum)];
    const workgroups = elements(sum.length);
    this.#commands.run([{ shader: 'accumulate', parameters: [sum.length], buffers, workgroups }]);
  }

  finiteGate(gate: DeviceArray, arrays: readonly DeviceArray[]): void {
    const open = this.#live().matrix('gate', gate, 1);
    const checks = arrays.map((array, i) => ({
      shader: 'finite' as const,
      parameters: [array.length],
      buffers: [open, this.#arrays.at(array, `arrays[${i}]`).buffer],
      workgroups: elements(array.length),
    }));
    this.#commands.run([{ shader: 'openGate', parameters: [], buffers: [open], workgroups: [1] }, ...checks]);
  }

  sgd(
    parameters: readonly DeviceArray[],
    gradients: readonly DeviceArray[],
    momentumBuffers: readonly DeviceArray[],
    options: SgdOptions,
    gate: DeviceArray,
  ): void {
    const { learningRate, momentum, weightDecay } = options;
    expectSgdOptions(options);
    const counts = [parameters.length, gradients.length, momentumBuffers.length];
    expectSameCount('parameters, gradients and momentumBuffers', counts);
    const arrays = this.#live();
    const gateBuffer = arrays.matrix('gate', gate, 1);
    const dispatches = parameters.map((p, i) => ({
      shader: 'sgd' as const,
      parameters: [p.length, f32(learningRate), f32(momentum), f32(weightDecay)],
      buffers: [
        arrays.at(p, `parameters[${i}]`).buffer,
        arrays.same(`momentumBuffers[${i}]`, momentumBuffers[i]!, p),
        arrays.same(`gradients[${i}]`, gradients[i]!, p),
        gateBuffer,
      ],
      workgroups: elements(p.length),
    }));
    this.#commands.run(dispatches);
  }

  async topK(
    queries: DeviceArray,
    bank: DeviceArray,
    q: number,
    m: number,
    dim: number,
    k: number,
  ): Promise<TopK> {
    const arrays = this.#live();
    const from = arrays.matrix('queries', queries, q, dim);
    const rows = arrays.matrix('bank', bank, m, dim);
    expectWhole('k', k, 1, m);
    return nearestRows(arrays, this.#commands, from, rows, q, m, dim, k);
  }

  dispose(): void {
    this.#disposed = true;
    this.#arrays.dispose();
    this.#scratch.dispose();
    this.#commands.dispose();
    this.#watch.stop();
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
