/**
 * Owns MPI for its process, on a thread of its own: it waits for other ranks while the process computes. Calls are made in the
 * order in which they come. Waiting asks again and again, at first without a pause, as a network is fast, and then ever more
 * rarely: MPI's own way of waiting would keep a core busy that other ranks may need.
 */
import { MocoError } from '../../errors.ts';
import { keepErrorCodes } from '../remote-errors.ts';
import { exposeInWorker } from '../worker.ts';
import { type MpiCalls, mpiCalls, type Pending } from './calls.ts';
import { launcherOf } from './launcher.ts';
import { findMpi } from './library.ts';

/** Milliseconds. */
const WITHOUT_PAUSE = 0.2;
const LONGEST_PAUSE = 1;
const SHORTEST_PAUSE = 0.05;
/** At most, for the ranks that are there to say so, once some have not come: some may have begun to wait later. */
const ROLL_CALL = 60_000;

export interface Joined {
  readonly rank: number;
  readonly size: number;
  readonly library: string;
}

const asleep = new Int32Array(new SharedArrayBuffer(4));

class MpiWorker {
  #calls!: MpiCalls;
  #rank = 0;
  #size = 1;
  /** [0]: the exit code to abort with; 0: none. It is looked at while waiting, when no message comes through. */
  #control = new Int32Array(new SharedArrayBuffer(4));
  #patience = Number.POSITIVE_INFINITY;

  /**
   * @param patience milliseconds that other ranks are waited for
   * @throws MocoError distributed-unavailable
   */
  async join(control: Int32Array<SharedArrayBuffer>, patience: number): Promise<Joined> {
    this.#control = control;
    this.#patience = patience;
    const library = await findMpi(launcherOf());
    this.#calls = mpiCalls(library);
    const { rank, size } = this.#calls.initialize();
    this.#rank = rank;
    this.#size = size;
    return { rank, size, library: library.name };
  }

  allGather(own: Float32Array, all: Float32Array, what: string): void {
    this.#exchange(what, () => this.#calls.allGather(own, all));
  }

  broadcast(values: Float32Array, what: string): void {
    this.#exchange(what, () => this.#calls.broadcast(values));
  }

  /**
   * Each rank's slice of `sent` goes to it, and is added there: sum ← sum + that of rank 0 + that of rank 1 …, one after the
   * other in float32.
   * @param isFirst the sum begins with that of rank 0
   */
  addSlices(
    sent: Float32Array,
    received: Float32Array,
    sum: Float32Array,
    isFirst: boolean,
    what: string,
  ): void {
    this.#exchange(what, () => this.#calls.allToAll(sent, received));
    for (let rank = 0; rank < this.#size; rank++) {
      const slice = received.subarray(rank * sum.length, (rank + 1) * sum.length);
      if (isFirst && rank === 0) sum.set(slice);
      // The sum of two float32 in float64, rounded to float32, is their float32 sum: 53 bits are more than 2 · 24 + 1.
      else for (let i = 0; i < sum.length; i++) sum[i]! += slice[i]!;
    }
  }

  /** To be called by all ranks; when it returns, a rank may end. */
  leave(): void {
    this.#calls.finalize();
  }

  /** Ends all ranks. */
  abort(exitCode: number): void {
    this.#calls.abort(exitCode);
  }

  /** First all ranks are waited for; what is under way then is asked about often, as each answer may let it go on. */
  #exchange(what: string, begin: () => Pending): void {
    this.#wait(this.#calls.barrier(), what, LONGEST_PAUSE);
    this.#wait(begin(), what, SHORTEST_PAUSE);
  }

  #wait(pending: Pending, what: string, longest: number): void {
    const start = performance.now();
    while (!pending.isDone()) {
      const waited = performance.now() - start;
      const exitCode = Atomics.load(this.#control, 0);
      if (exitCode !== 0) this.#calls.abort(exitCode);
      if (waited > this.#patience) this.#callRoll(what, waited);
      if (waited > WITHOUT_PAUSE) Atomics.wait(asleep, 0, 0, Math.min(longest, waited / 16));
    }
  }

  get #rollCall(): number {
    return Math.min(ROLL_CALL, this.#patience / 4);
  }

  /** Names the ranks that are not there: those that are tell rank 0. @throws MocoError rank-failed */
  #callRoll(what: string, waited: number): never {
    const seconds = Math.round(waited / 1000);
    const late = (who: string) =>
      new MocoError('rank-failed', `${what}: ${who} after ${seconds} s of waiting, and is taken for hung`);
    const here = new Float32Array(new SharedArrayBuffer(4));
    if (this.#rank !== 0) {
      const told = this.#calls.send(here, 0);
      const start = performance.now();
      // Rank 0 names whoever is missing, and ends all.
      while (performance.now() - start < 2 * this.#rollCall) {
        told.isDone();
        Atomics.wait(asleep, 0, 0, 10);
      }
      throw late('rank 0 has not come');
    }
    const answers = Array.from({ length: this.#size - 1 }, (_, i) => this.#calls.receive(here, i + 1));
    const missing = new Set(answers.map((_, i) => i + 1));
    const start = performance.now();
    while (missing.size > 0 && performance.now() - start < this.#rollCall) {
      for (const rank of missing) if (answers[rank - 1]!.isDone()) missing.delete(rank);
      Atomics.wait(asleep, 0, 0, 10);
    }
    throw late(`rank ${[...missing].join(', ') || 'unknown'} has not come`);
  }
}

export type { MpiWorker };

keepErrorCodes();
await exposeInWorker(new MpiWorker());
