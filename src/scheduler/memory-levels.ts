/**
 * What is done where the WebAssembly heap of an encoder is full: all encoders start afresh (a heap never shrinks) and
 * compute more again, which changes no bit of the results. Groups are never made smaller: that would.
 */
import { lessMemory, type RecomputeLevel } from '../encoder/recompute.ts';
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
  readonly #renew: (level: RecomputeLevel) => void;
  readonly #tell: (message: string) => void;
  #level: RecomputeLevel;

  /** @param renew ends the workers, each after its task, and starts others at this level */
  constructor(
    level: RecomputeLevel,
    renew: (level: RecomputeLevel) => void,
    tell: (message: string) => void,
  ) {
    this.#level = level;
    this.#renew = renew;
    this.#tell = tell;
  }

  /**
   * Whether a group that threw is to be tried again because it did not fit.
   * @param upToDate whether its worker had begun with what is asked for now; else another group has raised it meanwhile
   * @throws MocoError out-of-memory where it does not fit at the last level
   */
  again(error: unknown, upToDate: boolean): boolean {
    if (!(error instanceof HeapFull)) return false;
    if (upToDate) this.#raise(error);
    return true;
  }

  #raise(full: HeapFull): void {
    const level = this.#level;
    const next = lessMemory(level);
    if (!next) {
      const message = `${full.message} (everything that can be computed again is: recompute ${level})`;
      throw new MocoError('out-of-memory', message, { cause: full.cause });
    }
    this.#level = next;
    this.#renew(next);
    this.#tell(
      `the memory of an encoder is full (${full.message}); the encoders start afresh and compute more again: ` +
        `recompute ${level} → ${next}, slower, with the same results`,
    );
  }
}
