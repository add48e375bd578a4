import { MocoError } from '../errors.ts';
import { expectLength, expectNumber, expectSameCount, expectSgdOptions, expectWhole } from './checks.ts';
import type { DeviceArray, InfoNceArguments, Kernels, SgdOptions, TopK } from './kernels.ts';
import { instantiateKernels, type WasmExports } from './wasm-module.ts';

export interface WasmKernelsOptions {
  /** Upper limit of the memory in bytes (default and at most 4 GiB − 64 KiB). */
  maximumBytes?: number;
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
  const { exports, memory } = await instantiateKernels(pages);
  return new Wasm(exports, memory);
}

class WasmArray implements DeviceArray {
  readonly owner: Wasm;
  readonly length: number;
  /** Byte address; 0 once freed. */
  pointer: number;
  constructor(owner: Wasm, length: number, pointer: number) {
    this.owner = owner;
    this.length = length;
    this.pointer = pointer;
  }
}

class Wasm implements WasmKernels {
  readonly backend = 'wasm';
  /** null once disposed of: nothing else holds the memory. */
  #instance: { readonly exports: WasmExports; readonly memory: WebAssembly.Memory } | null;

  constructor(exports: WasmExports, memory: WebAssembly.Memory) {
    this.#instance = { exports, memory };
  }

  get heapBytes(): number {
    return this.#wasm.heapBytes() >>> 0;
  }

  get liveArrays(): number {
    return this.#wasm.liveBlocks();
  }

  allocate(length: number): DeviceArray {
    expectWhole('length', length, 0);
    return new WasmArray(this, length, this.#take(4 * length, `an array of ${length} float32`));
  }

  free(array: DeviceArray): void {
    const pointer = this.#at(array, 'array');
    this.#wasm.free(pointer);
    (array as WasmArray).pointer = 0;
  }

  view(array: DeviceArray): Float32Array<SharedArrayBuffer> {
    const pointer = this.#at(array, 'array');
    return new Float32Array(this.#memory.buffer as unknown as SharedArrayBuffer, pointer, array.length);
  }

  write(target: DeviceArray, values: Float32Array, offset = 0): void {
    const view = this.view(target);
    expectWhole('offset', offset, 0);
    if (offset + values.length > target.length) {
      throw new MocoError(
        'shape-mismatch',
        `values has ${values.length} elements at offset ${offset}, but target only ${target.length}`,
      );
    }
    view.set(values, offset);
  }

  async read(array: DeviceArray): Promise<Float32Array> {
    return new Float32Array(this.view(array));
  }

  copy(target: DeviceArray, source: DeviceArray): void {
    this.#same('source', source, target);
    this.view(target).set(this.view(source));
  }

  gatherRows(
    target: DeviceArray,
    source: DeviceArray,
    first: number,
    stride: number,
    rows: number,
    dim: number,
  ): void {
    this.#matrix('target', target, rows, dim);
    expectWhole('first', first, 0);
    expectWhole('stride', stride, 1);
    const needed = (first + (rows - 1) * stride + 1) * dim;
    if (source.length < needed) {
      throw new MocoError(
        'shape-mismatch',
        `source has ${source.length} elements, but its last row ends at ${needed}`,
      );
    }
    const from = this.view(source);
    const to = this.view(target);
    for (let r = 0; r < rows; r++) {
      const row = (first + r * stride) * dim;
      to.set(from.subarray(row, row + dim), r * dim);
    }
  }

  l2Normalize(x: DeviceArray, y: DeviceArray, norm: DeviceArray, rows: number, dim: number): void {
    this.#wasm.l2Normalize(
      this.#matrix('x', x, rows, dim),
      this.#matrix('y', y, rows, dim),
      this.#matrix('norm', norm, rows),
      rows,
      dim,
    );
  }

  l2NormalizeBackward(
    y: DeviceArray,
    norm: DeviceArray,
    dy: DeviceArray,
    dx: DeviceArray,
    rows: number,
    dim: number,
  ): void {
    this.#wasm.l2NormalizeBackward(
      this.#matrix('y', y, rows, dim),
      this.#matrix('norm', norm, rows),
      this.#matrix('dy', dy, rows, dim),
      this.#matrix('dx', dx, rows, dim),
      rows,
      dim,
    );
  }

  infoNce(args: InfoNceArguments): void {
    const { rows, dim, queueSize, temperature, gradientScale } = args;
    expectWhole('queueSize', queueSize, 1);
    expectNumber('temperature', temperature, temperature > 0, 'greater than 0');
    expectNumber('gradientScale', gradientScale, true, 'finite');
    const done = this.#wasm.infoNce(
      this.#matrix('query', args.query, rows, dim),
      this.#matrix('key', args.key, rows, dim),
      this.#matrix('queue', args.queue, queueSize, dim),
      rows,
      dim,
      queueSize,
      temperature,
      gradientScale,
      this.#matrix('loss', args.loss, rows),
      this.#matrix('dQuery', args.dQuery, rows, dim),
      this.#matrix('rank', args.rank, rows),
    );
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
    expectWhole('queueSize', queueSize, 1);
    expectWhole('pointer', pointer, 0, queueSize - 1);
    this.#wasm.enqueue(
      this.#matrix('queue', queue, queueSize, dim),
      this.#matrix('keys', keys, rows, dim),
      pointer,
      queueSize,
      rows,
      dim,
      this.#matrix('gate', gate, 1),
    );
  }

  ema(key: readonly DeviceArray[], query: readonly DeviceArray[], m: number): void {
    expectNumber('m', m, m >= 0 && m <= 1, 'in [0, 1]');
    expectSameCount('key and query', [key.length, query.length]);
    // All pairs are checked before the first is written: an error leaves every array as it was.
    const pairs = key.map(
      (k, i) => [this.#at(k, `key[${i}]`), this.#same(`query[${i}]`, query[i]!, k)] as const,
    );
    pairs.forEach(([k, q], i) => {
      this.#wasm.ema(k, q, key[i]!.length, m, 1 - m);
    });
  }

  accumulate(sum: DeviceArray, x: DeviceArray): void {
    this.#wasm.accumulate(this.#at(sum, 'sum'), this.#same('x', x, sum), sum.length);
  }

  finiteGate(gate: DeviceArray, arrays: readonly DeviceArray[]): void {
    this.#matrix('gate', gate, 1);
    const pointers = arrays.map((array, i) => this.#at(array, `arrays[${i}]`));
    const open = pointers.every((pointer, i) => this.#wasm.allFinite(pointer, arrays[i]!.length));
    this.view(gate)[0] = open ? 1 : 0;
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
    const gatePointer = this.#matrix('gate', gate, 1);
    const triples = parameters.map(
      (p, i) =>
        [
          this.#at(p, `parameters[${i}]`),
          this.#same(`gradients[${i}]`, gradients[i]!, p),
          this.#same(`momentumBuffers[${i}]`, momentumBuffers[i]!, p),
        ] as const,
    );
    triples.forEach(([p, g, b], i) => {
      this.#wasm.sgd(p, g, b, parameters[i]!.length, learningRate, momentum, weightDecay, gatePointer);
    });
  }

  async topK(
    queries: DeviceArray,
    bank: DeviceArray,
    q: number,
    m: number,
    dim: number,
    k: number,
  ): Promise<TopK> {
    const queryPointer = this.#matrix('queries', queries, q, dim);
    const bankPointer = this.#matrix('bank', bank, m, dim);
    expectWhole('k', k, 1, m);
    const count = q * k;
    const scratch = this.#take(8 * count, `the ${k} nearest of ${q} queries`);
    try {
      const values = scratch + 4 * count;
      const done = this.#wasm.topK(queryPointer, bankPointer, q, m, dim, k, scratch, values);
      if (!done) throw outOfMemory(`the scratch of topK for ${q} queries of ${dim}`);
      return {
        indices: new Uint32Array(new Uint32Array(this.#memory.buffer, scratch, count)),
        similarities: new Float32Array(new Float32Array(this.#memory.buffer, values, count)),
      };
    } finally {
      this.#wasm.free(scratch);
    }
  }

  dispose(): void {
    this.#instance = null;
  }

  get #wasm(): WasmExports {
    return this.#live().exports;
  }

  get #memory(): WebAssembly.Memory {
    return this.#live().memory;
  }

  #live(): { readonly exports: WasmExports; readonly memory: WebAssembly.Memory } {
    if (!this.#instance) throw new MocoError('array-freed', 'these kernels have been disposed of');
    return this.#instance;
  }

  #take(bytes: number, what: string): number {
    const pointer = bytes < 2 ** 32 - 2 ** 16 ? this.#wasm.allocate(bytes) >>> 0 : 0;
    if (pointer === 0) throw outOfMemory(what);
    return pointer;
  }

  /** The address of a live array of this instance. */
  #at(array: DeviceArray, name: string): number {
    this.#live();
    if (!(array instanceof WasmArray) || array.owner !== this) {
      throw new MocoError('array-freed', `${name} was not allocated by these kernels`);
    }
    if (array.pointer === 0) throw new MocoError('array-freed', `${name} was used after it was freed`);
    return array.pointer;
  }

  #matrix(name: string, array: DeviceArray, rows: number, columns?: number): number {
    expectWhole(`the number of rows of ${name}`, rows, 0);
    if (columns !== undefined) expectWhole(`the number of columns of ${name}`, columns, 1);
    const shape = columns === undefined ? `[${rows}]` : `[${rows}, ${columns}]`;
    expectLength(name, array.length, rows * (columns ?? 1), shape);
    return this.#at(array, name);
  }

  #same(name: string, array: DeviceArray, other: DeviceArray): number {
    expectLength(name, array.length, other.length, 'its partner');
    return this.#at(array, name);
  }
}

function outOfMemory(what: string): MocoError {
  return new MocoError(
    'out-of-memory',
    `there is no memory left for ${what}: lower the batch size, the queue size or the number of groups in flight`,
  );
}
