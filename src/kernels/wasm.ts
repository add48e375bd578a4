import type {
  DeviceArray,
  InfoNceArguments,
  Kernels,
  SgdOptions,
  SummaryArguments,
  TopK,
} from './kernels.ts';
import { Operands } from './operands.ts';
import { outOfMemory, WasmArrays } from './wasm-arrays.ts';
import { instantiateKernels, type WasmExports } from './wasm-module.ts';

export interface WasmKernelsOptions {
  /** Upper limit of the memory in bytes (default and at most 4 GiB − 64 KiB). */
  maximumBytes?: number;
  /** WebAssembly to take in place of kernels.wasm, to see what changed kernels do. */
  module?: Uint8Array<ArrayBuffer>;
}

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
 * Kernels with a memory of their own: L2 normalisation, InfoNCE, queue, EMA, SGD, top-k. `dispose` ends them.
 * @throws MocoError backend-unavailable without WebAssembly SIMD and threads, or where kernels.wasm is missing
 */
export async function createWasmKernels(options: WasmKernelsOptions = {}): Promise<WasmKernels> {
  const pages = options.maximumBytes === undefined ? undefined : Math.ceil(options.maximumBytes / 65536);
  return new Wasm(new WasmArrays(await instantiateKernels(pages, options.module)));
}

/** Of a kernel with a gate: write in any case. */
const ALWAYS_OPEN = 0;

class Wasm implements WasmKernels {
  readonly backend = 'wasm';
  readonly #arrays: WasmArrays;
  readonly #operands: Operands<number>;

  constructor(arrays: WasmArrays) {
    this.#arrays = arrays;
    this.#operands = new Operands((array, name) => arrays.at(array, name));
  }

  get heapBytes(): number {
    return this.#wasm.heapBytes() >>> 0;
  }

  get liveArrays(): number {
    return this.#wasm.liveBlocks();
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
    this.#operands.write(target, values, offset);
    this.view(target).set(values, offset);
  }

  async read(array: DeviceArray): Promise<Float32Array> {
    return new Float32Array(this.view(array));
  }

  copy(targets: readonly DeviceArray[], sources: readonly DeviceArray[], gate?: DeviceArray): void {
    this.#operands.pairs(['targets', 'sources'], targets, sources);
    if (gate) this.#operands.gate(gate);
    for (const [i, target] of targets.entries()) {
      if (gate && this.view(gate)[0] === 0) return;
      this.view(target).set(this.view(sources[i]!));
    }
  }

  gatherRows(target: DeviceArray, source: DeviceArray, rows: Uint32Array, dim: number): void {
    this.#operands.gatherRows(target, source, rows, dim);
    const [to, from] = [this.view(target), this.view(source)];
    for (const [r, row] of rows.entries()) to.set(from.subarray(row * dim, (row + 1) * dim), r * dim);
  }

  scatterRows(target: DeviceArray, source: DeviceArray, rows: Uint32Array, dim: number): void {
    this.#operands.scatterRows(target, source, rows, dim);
    const [to, from] = [this.view(target), this.view(source)];
    for (const [r, row] of rows.entries()) to.set(from.subarray(r * dim, (r + 1) * dim), row * dim);
  }

  l2Normalize(x: DeviceArray, y: DeviceArray, norm: DeviceArray, rows: number, dim: number): void {
    this.#wasm.l2Normalize(...this.#operands.l2Normalize(x, y, norm, rows, dim), rows, dim);
  }

  l2NormalizeBackward(
    y: DeviceArray,
    norm: DeviceArray,
    dy: DeviceArray,
    dx: DeviceArray,
    rows: number,
    dim: number,
  ): void {
    const at = this.#operands.l2NormalizeBackward(y, norm, dy, dx, rows, dim);
    this.#wasm.l2NormalizeBackward(...at, rows, dim);
  }

  infoNce(args: InfoNceArguments): void {
    const { rows, dim, queueSize, temperature, gradientScale } = args;
    const { query, key, queue, loss, dQuery, rank } = this.#operands.infoNce(args);
    const shape = [rows, dim, queueSize, temperature, gradientScale] as const;
    const done = this.#wasm.infoNce(query, key, queue, ...shape, loss, dQuery, rank);
    if (!done) throw outOfMemory(`the scratch of infoNce for ${rows} queries of ${dim}`);
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
    const [to, from, open] = this.#operands.enqueue(queue, keys, pointer, queueSize, rows, dim, gate);
    this.#wasm.enqueue(to, from, pointer, queueSize, rows, dim, open);
  }

  ema(key: readonly DeviceArray[], query: readonly DeviceArray[], m: number, gate?: DeviceArray): void {
    const pairs = this.#operands.ema(key, query, m);
    const gateAt = gate ? this.#operands.gate(gate) : ALWAYS_OPEN;
    for (const { target, source, length } of pairs) {
      this.#wasm.ema(target, source, length, m, 1 - m, gateAt);
    }
  }

  accumulate(sums: readonly DeviceArray[], xs: readonly DeviceArray[]): void {
    for (const { target, source, length } of this.#operands.pairs(['sums', 'xs'], sums, xs)) {
      this.#wasm.accumulate(target, source, length);
    }
  }

  updateRunning(
    running: readonly DeviceArray[],
    sums: readonly DeviceArray[],
    keep: number,
    scales: readonly number[],
    gate: DeviceArray,
  ): void {
    const pairs = this.#operands.updateRunning(running, sums, keep, scales);
    const gateAt = this.#operands.gate(gate);
    for (const [i, { target, source, length }] of pairs.entries()) {
      this.#wasm.ema(target, source, length, keep, scales[i]!, gateAt);
    }
  }

  finiteGate(gate: DeviceArray, arrays: readonly DeviceArray[]): void {
    this.#operands.gate(gate);
    const places = arrays.map((array, i) => this.#operands.at(array, `arrays[${i}]`));
    const finite = places.every((place, i) => this.#wasm.allFinite(place, arrays[i]!.length));
    if (!finite) this.view(gate)[0] = 0;
  }

  sgd(
    parameters: readonly DeviceArray[],
    gradients: readonly DeviceArray[],
    momentumBuffers: readonly DeviceArray[],
    options: SgdOptions,
    gate: DeviceArray,
  ): void {
    const { learningRate: lr, momentum: mu, weightDecay: wd } = options;
    const triples = this.#operands.sgd(parameters, gradients, momentumBuffers, options);
    const gateAt = this.#operands.gate(gate);
    for (const { parameter, gradient, momentum, length } of triples) {
      this.#wasm.sgd(parameter, gradient, momentum, length, lr, mu, wd, gateAt);
    }
  }

  summarize(args: SummaryArguments): void {
    const { loss, rank, query, gate, summary } = this.#operands.summarize(args);
    this.#wasm.summarize(loss, rank, query, gate, args.rows, args.dim, summary);
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
    const count = q * k;
    const scratch = this.#arrays.take(8 * count, `the ${k} nearest of ${q} queries`);
    try {
      const values = scratch + 4 * count;
      const done = this.#wasm.topK(at.queries, at.bank, q, m, dim, k, scratch, values);
      if (!done) throw outOfMemory(`the scratch of topK for ${q} queries of ${dim}`);
      return {
        indices: new Uint32Array(new Uint32Array(this.#arrays.buffer, scratch, count)),
        similarities: new Float32Array(new Float32Array(this.#arrays.buffer, values, count)),
      };
    } finally {
      this.#wasm.free(scratch);
    }
  }

  dispose(): void {
    this.#arrays.dispose();
  }

  get #wasm(): WasmExports {
    return this.#arrays.exports;
  }
}
