/** Ranks by MPI, on a worker of its own: see runtime/mpi/. */
import { MocoError } from '../errors.ts';
import { expectReachable, type Launcher, launcherOf } from '../runtime/mpi/launcher.ts';
import type { MpiWorker } from '../runtime/mpi/mpi-worker.ts';
import { restrainUcx } from '../runtime/mpi/ucx.ts';
import { keepErrorCodes } from '../runtime/remote-errors.ts';
import { type Remote, WorkerClient } from '../scheduler/worker-client.ts';
import { SharedError } from './agree.ts';
import type { Collective, SharedValues } from './collective.ts';

/** How long others are waited for, in milliseconds: rank 0 may write a checkpoint, or look for a lost file, meanwhile. */
const PATIENCE = 30 * 60_000;

export interface MpiOptions {
  /** Milliseconds after which a rank that has not come is taken for hung. */
  readonly patience?: number;
}

export interface JoinedRanks extends Collective {
  /** For people, with its version: `Open MPI v4.1.4 (libmpi.so.40)`. */
  readonly library: string;
  /** To be called by all ranks when none needs another any more, or MPI's launcher takes the end of this process for a failure. */
  leave(): Promise<void>;
  /** Ends all ranks at once, also those that wait for this one; this process too, before it returns. */
  abort(exitCode: number): Promise<void>;
}

export class MpiRanks implements JoinedRanks {
  readonly #worker: WorkerClient<MpiWorker>;
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly rank: number;
  readonly size: number;
  readonly library: string;

  private constructor(
    worker: WorkerClient<MpiWorker>,
    control: Int32Array<SharedArrayBuffer>,
    { rank, size, library }: { rank: number; size: number; library: string },
  ) {
    this.#worker = worker;
    this.#control = control;
    this.rank = rank;
    this.size = size;
    this.library = library;
  }

  /**
   * Joins the other processes that the same launcher has started; each process does so once.
   * @throws MocoError usage where nothing has started this process beside others; distributed-unavailable, a SharedError where
   * launcher and library do not belong together
   */
  static async join({ patience = PATIENCE }: MpiOptions = {}): Promise<MpiRanks> {
    const launcher = launcherOf();
    if (!launcher) {
      const how = 'start it by mpirun or srun: mpirun -n 2 moco-web pretrain …';
      throw new MocoError('usage', `no launcher of MPI has started this process: ${how}`);
    }
    await expectReachable().catch((error: MocoError) => {
      throw new SharedError(error.code, error.message);
    });
    keepErrorCodes();
    restrainUcx();
    const worker = await WorkerClient.spawn<MpiWorker>('mpi-worker.js', { native: true });
    const control = new Int32Array(new SharedArrayBuffer(4));
    try {
      const joined = await worker.call((remote) => remote.join(control, patience));
      expectTogether(launcher, joined.library, joined.size);
      return new MpiRanks(worker, control, joined);
    } catch (error) {
      await worker.terminate();
      throw error;
    }
  }

  gather(own: SharedValues, all: SharedValues, what: string): Promise<void> {
    return this.#call((remote) => remote.allGather(own, all, what));
  }

  broadcast(values: SharedValues, what: string): Promise<void> {
    return this.#call((remote) => remote.broadcast(values, what));
  }

  addSlices(
    sent: SharedValues,
    received: SharedValues,
    sum: SharedValues,
    isFirst: boolean,
    what: string,
  ): Promise<void> {
    return this.#call((remote) => remote.addSlices(sent, received, sum, isFirst, what));
  }

  async leave(): Promise<void> {
    await this.#call((remote) => remote.leave());
    await this.#worker.terminate();
  }

  async abort(exitCode: number): Promise<void> {
    // A worker that waits looks at this, one that does not hears the call.
    Atomics.store(this.#control, 0, exitCode);
    await this.#call((remote) => remote.abort(exitCode));
  }

  #call(task: (remote: Remote<MpiWorker>) => Promise<void>): Promise<void> {
    return this.#worker.call(task);
  }
}

/** @throws SharedError on all that were started: each then is by itself, with a library that the launcher does not know */
function expectTogether(launcher: Launcher | null, library: string, size: number): void {
  if (!launcher || launcher.size === null || launcher.size === size) return;
  const advice =
    launcher.name === 'srun'
      ? 'srun --mpi=list shows what there is: pmix is for Open MPI, pmi2 for MPICH'
      : 'take the mpirun of that library (Debian: mpirun.openmpi, mpirun.mpich), or name the library by MOCO_MPI_LIBRARY';
  throw new SharedError(
    'distributed-unavailable',
    `${launcher.name} has started ${launcher.size} processes, of which ${library} knows ${size}: ` +
      `launcher and library do not belong together; ${advice}`,
  );
}
