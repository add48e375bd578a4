/** A kernel is a value: what it takes, how that is checked, and how each backend computes it. */
import type { Checks } from './checks.ts';
import type { DeviceArray } from './device-array.ts';
import type { ExportCall } from './export-call.ts';
import type { Dispatch, Shader } from './shader.ts';

/**
 * @typeParam Exports the functions of wasm/ that it calls. There, arrays are byte addresses, 16-byte aligned, and lengths
 * count float32.
 */
export interface Kernel<Arguments, Result, Exports> {
  /** Its result is a promise, which what `check` throws rejects. */
  readonly waits?: true;
  /** All that it dispatches. */
  readonly shaders: readonly Shader[];
  /** Checks all of a call before any of it is written: an error leaves every array as it was. */
  check(args: Arguments, checks: Checks): void;
  webgpu(args: Arguments, call: WebGpuCall): Result;
  wasm(args: Arguments, call: WasmCall<Exports>): Result;
}

/** What a kernel may do on WebAssembly. */
export interface WasmCall<Exports> {
  readonly exports: Exports;
  /**
   * On how many threads to compute: 1 where more are not worth the while, or there are no more.
   * @param work in elements that are read from memory and written back; about 4 multiplications and additions take as long
   */
  threadsFor(work: number): number;
  /**
   * Makes calls that depend on none of each other, on all threads, and returns what each returned when all are done.
   * @throws MocoError worker-died where a thread dies in the middle of one
   */
  share(calls: readonly ExportCall[]): number[];
  /** Makes calls one after the other. */
  inOrder(calls: readonly ExportCall[]): number[];
  /** The address of an array. */
  at(array: DeviceArray): number;
  /** The array itself. */
  view(array: DeviceArray): Float32Array;
  /** Runs a task with so many bytes, which are free afterwards. @throws MocoError out-of-memory naming `what` */
  borrow<T>(bytes: number, what: string, task: (address: number, memory: ArrayBufferLike) => T): T;
  /** To be called with what an export gives that takes scratch. @throws MocoError out-of-memory where it is 0 */
  expectMemory(done: number, what: string): void;
}

/** What a kernel may do on WebGPU. All of it is done in the order of the calls. */
export interface WebGpuCall {
  /** The buffer of an array. */
  at(array: DeviceArray): GPUBuffer;
  /** The gate of calls that have none: always 1. */
  readonly openGate: GPUBuffer;
  /** @throws MocoError usage where two results of a dispatch share one buffer; nothing is then submitted */
  run(dispatches: readonly Dispatch[]): void;
  /** Buffers copied whole: target ← source. */
  copy(pairs: readonly { target: GPUBuffer; source: GPUBuffer; bytes: number }[]): void;
  /** At least `length` numbers of 32 bits that stay from call to call, whatever they are. @throws MocoError out-of-memory */
  scratch(name: string, length: number): GPUBuffer;
  /** A list of whole numbers on the device, until the next call of the same name. */
  upload(name: string, values: Uint32Array): GPUBuffer;
  /** Runs a task with buffers of so many numbers of 32 bits, by what they are for; they are gone afterwards. */
  borrow<T>(
    lengths: Readonly<Record<string, number>>,
    task: (buffers: Readonly<Record<string, GPUBuffer>>) => Promise<T>,
  ): Promise<T>;
  /** Copies of the first `bytes` of buffers, after all that was issued before. Multiples of 4. */
  read(sources: readonly { buffer: GPUBuffer; bytes: number }[]): Promise<ArrayBuffer[]>;
}
