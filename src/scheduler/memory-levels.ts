/**
 * What is done where the WebAssembly heap of an encoder is full: all encoders start afresh (a heap never shrinks) and
 * compute more again, which changes no bit of the results. Groups are never made smaller: that would.
 */
import { lessMemory, type MemoryUse, type RecomputeLevel } from '../encoder/recompute.ts';
import { MocoError } from '../errors.ts';

/** An encoder worker's own lack of memory, told apart from that of other threads. */
class HeapFull extends Error {}

/** Marks what a call of an encoder worker throws. */
export async function inHeap<Result>(call: Promise<Result>): Promise<Result> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof MocoError) || error.code !== 'out-of-memory') throw error;
    throw new HeapFull(error.message, { cause: error });
  }
}

export class MemoryLevels {
  readonly #renew: () => void;
  readonly #tell: (message: string) => void;
  #level: RecomputeLevel | null = null;
  /** What the encoders that began last take. */
  use: MemoryUse | null = null;

  /** @param renew ends the workers, each after its task, and starts others */
  constructor(renew: () => void, tell: (message: string) => void) {
    this.#renew = renew;
    this.#tell = tell;
  }

  /** To be told of the level that a worker has begun with, which it chose itself where none was asked for. */
  begunWith(use: MemoryUse): void {
    this.#level ??= use.level;
    this.use = use;
  }

  /** What workers have to begin with; null: what they choose. */
  get asked(): RecomputeLevel | null {
    return this.#level;
  }

  /**
   * Runs a group on a worker, and again at higher levels for as long as it does not fit.
   * @throws MocoError out-of-memory where it does not fit at the last level; whatever the task throws
   */
  async run<Result>(task: () => Promise<Result>): Promise<Result> {
    for (;;) {
      const level = this.#level;
      try {
        return await task();
      } catch (error) {
        if (!(error instanceof HeapFull)) throw error;
        // Another group may have raised it meanwhile.
        if (this.#level === level) this.#raise(error);
      }
    }
  }

  #raise(full: HeapFull): void {
    const level = this.#level;
    const next = level && lessMemory(level);
    if (!next) {
      const message = `${full.message} (everything that can be computed again is: recompute ${level})`;
      throw new MocoError('out-of-memory', message, { cause: full.cause });
    }
    this.#level = next;
    this.#renew();
    this.#tell(
      `the memory of an encoder is full (${full.message}); the encoders start afresh and compute more again: ` +
        `recompute ${level} → ${next}, slower, with the same results`,
    );
  }
}
