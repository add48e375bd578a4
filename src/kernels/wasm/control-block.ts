/**
 * What the threads of a team share beside the memory of the kernels: calls that are to be made, as data, and two counters.
 * A call is taken by compare-and-exchange and then made by whoever took it; nobody makes it a second time.
 */
import type { ExportCall } from '../export-call.ts';
import type { WasmExports } from './module.ts';

type Export = ExportCall['called'];

/** How many calls are still to be taken: the last of them next. LEAVE where there will be no more. */
const OPEN = 0;
/** How many calls are not done. */
const PENDING = 16;
/** 1 once a call has failed. */
const FAILED = 32;
/** Bytes of the counters; each has a cache line. */
const HEADER = 192;
const LEAVE = -1;

/** Numbers of a call: the index of its export, how many arguments, what it returned, and the arguments. */
const STRIDE = 18;
const ARGUMENTS = 3;

/** How many calls fit. */
export const MOST_CALLS = 4096;

export class ControlBlock {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #calls: Float64Array;
  /** In the order of the module, which is the same for all threads. */
  readonly #exports: readonly Export[];
  readonly #indices: ReadonlyMap<Export, number>;

  constructor(
    exports: WasmExports,
    buffer = new SharedArrayBuffer(HEADER + MOST_CALLS * STRIDE * Float64Array.BYTES_PER_ELEMENT),
  ) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, HEADER / Int32Array.BYTES_PER_ELEMENT);
    this.#calls = new Float64Array(buffer, HEADER);
    this.#exports = Object.values(exports) as Export[];
    this.#indices = new Map(this.#exports.map((one, i) => [one, i]));
  }

  /** Puts calls up for everyone, at most MOST_CALLS, when those before are done. */
  offer(calls: readonly ExportCall[]): void {
    for (const [c, { called, args }] of calls.entries()) {
      const at = c * STRIDE;
      this.#calls[at] = this.#indices.get(called)!;
      this.#calls[at + 1] = args.length;
      this.#calls.set(args, at + ARGUMENTS);
    }
    Atomics.store(this.#words, PENDING, calls.length);
    Atomics.store(this.#words, OPEN, calls.length);
    Atomics.notify(this.#words, OPEN);
  }

  /** Takes a call and makes it. False where none is left. */
  makeOne(): boolean {
    const call = this.#take();
    if (call < 0) return false;
    const at = call * STRIDE;
    const args = this.#calls.subarray(at + ARGUMENTS, at + ARGUMENTS + this.#calls[at + 1]!);
    try {
      this.#calls[at + 2] = this.#exports[this.#calls[at]!]!(...args) as number;
    } catch {
      Atomics.store(this.#words, FAILED, 1);
    }
    if (Atomics.sub(this.#words, PENDING, 1) === 1) Atomics.notify(this.#words, PENDING);
    return true;
  }

  /** Makes calls as long as the team lasts. */
  serve(): void {
    while (Atomics.load(this.#words, OPEN) !== LEAVE) {
      if (!this.makeOne()) Atomics.wait(this.#words, OPEN, 0);
    }
  }

  /** Waits until all calls are done. False where that takes longer. */
  waitUntilDone(milliseconds: number): boolean {
    const end = performance.now() + milliseconds;
    for (;;) {
      const pending = Atomics.load(this.#words, PENDING);
      if (pending === 0) return true;
      const left = end - performance.now();
      if (left <= 0) return false;
      Atomics.wait(this.#words, PENDING, pending, left);
    }
  }

  get failed(): boolean {
    return Atomics.load(this.#words, FAILED) !== 0;
  }

  /** What the first `count` calls returned, in the order in which they were offered. */
  results(count: number): number[] {
    return Array.from({ length: count }, (_, c) => this.#calls[c * STRIDE + 2]!);
  }

  /** Ends `serve` on all threads. */
  close(): void {
    Atomics.store(this.#words, OPEN, LEAVE);
    Atomics.notify(this.#words, OPEN);
  }

  /** The index of a call that is now the caller's; less than 0 where none is left. */
  #take(): number {
    for (;;) {
      const open = Atomics.load(this.#words, OPEN);
      if (open <= 0 || Atomics.compareExchange(this.#words, OPEN, open, open - 1) === open) return open - 1;
    }
  }
}
