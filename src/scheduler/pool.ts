/**
 * A pool of like workers called through comlink; tasks are taken in the order in which they are given. A worker that dies
 * or hangs is replaced, and its task is done again by the next one: here, and only here.
 */
import { MocoError } from '../errors.ts';
import { keepErrorCodes } from '../runtime/remote-errors.ts';
import type { WorkerScript } from '../runtime/worker.ts';
import { type Remote, WorkerClient } from './worker-client.ts';

export type { Remote } from './worker-client.ts';

/** A task that ends so many workers will end the next one, too. */
const MOST_DEATHS = 3;

export interface PoolOptions {
  /** Told of each worker that is replaced, in words for people. */
  readonly tell?: ((message: string) => void) | undefined;
  /** Whether its workers run native code: see WorkerClientOptions. */
  readonly native?: boolean | undefined;
  /** How long a call may take, in milliseconds, where the slowest of its kind so far has taken `slowest`. */
  readonly deadline?: ((slowest: number) => number) | undefined;
  /**
   * Whether a task that threw is done again, by a worker that is up to date: it may call `renew`. What it throws is thrown
   * instead. `upToDate`: whether the worker was, or others were to take its place anyway.
   */
  readonly again?: ((error: unknown, upToDate: boolean) => boolean) | undefined;
}

/**
 * Calls the worker that a task has.
 * @param kind calls of one kind take about as long; the first of a kind has no deadline
 * @throws MocoError worker-died, and whatever the worker throws
 */
export type Call<Api> = <Result>(
  kind: string,
  task: (remote: Remote<Api>) => Promise<Result>,
) => Promise<Result>;

/** Far from what a busy machine does to a task, and short of what people wait for. */
const patient = (slowest: number): number => Math.max(60_000, 20 * slowest);

/** Where a worker sits. It is replaced when the next task finds it dead or outdated. */
interface Seat<Api> {
  member: WorkerClient<Api> | null;
  /** The generation of the pool that the member was prepared in. */
  generation: number;
  /** While a new one is being prepared. */
  starting: Promise<WorkerClient<Api>> | null;
}

export class WorkerPool<Api extends object> {
  readonly #script: string | WorkerScript;
  readonly #prepare: (remote: Remote<Api>) => Promise<void>;
  readonly #tell: (message: string) => void;
  readonly #deadline: (slowest: number) => number;
  readonly #again: (error: unknown, upToDate: boolean) => boolean;
  readonly #native: boolean;
  readonly #seats: readonly Seat<Api>[];
  readonly #idle: Seat<Api>[];
  readonly #waiting: ((seat: Seat<Api>) => void)[] = [];
  /** Milliseconds that the slowest call of a kind has taken. */
  readonly #slowest = new Map<string, number>();
  #generation = 0;
  #ended = false;

  private constructor(
    script: string | WorkerScript,
    count: number,
    prepare: (remote: Remote<Api>) => Promise<void>,
    { tell = () => {}, native = false, deadline = patient, again = () => false }: PoolOptions,
  ) {
    this.#script = script;
    this.#prepare = prepare;
    this.#tell = tell;
    this.#deadline = deadline;
    this.#again = again;
    this.#native = native;
    this.#seats = Array.from({ length: count }, () => ({ member: null, generation: 0, starting: null }));
    this.#idle = [...this.#seats];
  }

  /**
   * Starts `count` workers of a built script and makes each ready with `prepare`, which also makes ready those that take
   * their places later: it has to give a worker all that it needs to know at that time.
   * @throws MocoError worker-died, and whatever `prepare` throws
   */
  static async start<Api extends object>(
    script: string | WorkerScript,
    count: number,
    prepare: (remote: Remote<Api>) => Promise<void>,
    options: PoolOptions = {},
  ): Promise<WorkerPool<Api>> {
    keepErrorCodes();
    const pool = new WorkerPool<Api>(script, count, prepare, options);
    try {
      await Promise.all(pool.#seats.map((seat) => pool.#memberOf(seat)));
    } catch (error) {
      await pool.dispose();
      throw error;
    }
    return pool;
  }

  get size(): number {
    return this.#seats.length;
  }

  /** Runs a task that is one call of a worker, as `hold` does. */
  run<Result>(kind: string, task: (remote: Remote<Api>) => Promise<Result>): Promise<Result> {
    return this.hold(kind, (call) => call(kind, task));
  }

  /**
   * Runs a task on the next idle worker, which is the task's alone until its promise settles. Where the worker dies
   * meanwhile, or does not answer a call by its deadline, all of the task is done again: what it has moved to a worker is
   * lost with it. Time between the calls has no deadline: a task may wait for others, if they were given before it.
   * @throws MocoError worker-died where three workers have died of it; whatever the task throws
   */
  async hold<Result>(name: string, task: (call: Call<Api>) => Promise<Result>): Promise<Result> {
    const seat = await this.#take();
    try {
      for (let deaths = 0; ; ) {
        try {
          const member = await this.#memberOf(seat);
          return await task((kind, call) => this.#timed(kind, (deadline) => member.call(call, deadline)));
        } catch (error) {
          if (this.#ended) throw error;
          if (this.#again(error, seat.generation === this.#generation)) continue;
          // Not one of another pool that the task makes use of.
          const died = error instanceof MocoError && error === seat.member?.death;
          if (!died) throw error;
          if (++deaths < MOST_DEATHS) continue;
          throw new MocoError(
            'worker-died',
            `${error.message}; ${deaths} workers in turn have died of the same task (${name}), which is not tried again`,
            { cause: error },
          );
        }
      }
    } finally {
      this.#giveBack(seat);
    }
  }

  /**
   * Runs a task on every worker at once, beside whatever they are doing. It may only tell them what `prepare` by now
   * tells those that take the place of one that dies.
   */
  async broadcast(task: (remote: Remote<Api>) => Promise<void>): Promise<void> {
    const reach = async (seat: Seat<Api>): Promise<void> => {
      // One that is being prepared may have been told the old things. Where it fails, its task hears of it.
      await seat.starting?.catch(() => {});
      const { member } = seat;
      try {
        await member?.call(task);
      } catch (error) {
        if (this.#ended || error !== member?.death) throw error;
      }
    };
    await Promise.all(this.#seats.map(reach));
  }

  /** Lets every worker end after the task at hand; those that take their places are prepared anew. */
  renew(): void {
    this.#generation++;
  }

  /** Ends all workers. Tasks that are still running reject. */
  async dispose(): Promise<void> {
    this.#ended = true;
    await Promise.all(this.#seats.map(({ member }) => member?.terminate()));
    await Promise.allSettled(this.#seats.map(({ starting }) => starting));
  }

  /** The worker of a seat, in good health and up to date. */
  async #memberOf(seat: Seat<Api>): Promise<WorkerClient<Api>> {
    const { member } = seat;
    if (member && !member.death && seat.generation === this.#generation) return member;
    if (this.#ended) throw this.#endedError();
    seat.starting = this.#replace(seat);
    try {
      return await seat.starting;
    } finally {
      seat.starting = null;
    }
  }

  async #replace(seat: Seat<Api>): Promise<WorkerClient<Api>> {
    const former = seat.member;
    if (former?.death) this.#tell(`${former.death.message}; another takes its place`);
    await former?.terminate();
    seat.generation = this.#generation;
    const member = await WorkerClient.spawn<Api>(this.#script, { native: this.#native });
    seat.member = member;
    try {
      if (this.#ended) throw this.#endedError();
      await this.#timed('prepare', (deadline) => member.call(this.#prepare, deadline));
      return member;
    } catch (error) {
      // Nobody may get one that is half prepared.
      if (!member.death) seat.member = null;
      await member.terminate();
      throw error;
    }
  }

  #endedError(): MocoError {
    const name = typeof this.#script === 'string' ? this.#script : this.#script.name;
    return new MocoError('worker-died', `worker ${name} died: its pool has ended`);
  }

  async #timed<Result>(kind: string, task: (deadline: number) => Promise<Result>): Promise<Result> {
    const slowest = this.#slowest.get(kind);
    const begun = performance.now();
    const result = await task(slowest === undefined ? Number.POSITIVE_INFINITY : this.#deadline(slowest));
    this.#slowest.set(kind, Math.max(slowest ?? 0, performance.now() - begun));
    return result;
  }

  #take(): Promise<Seat<Api>> {
    const seat = this.#idle.shift();
    if (seat) return Promise.resolve(seat);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #giveBack(seat: Seat<Api>): void {
    const next = this.#waiting.shift();
    if (next) next(seat);
    else this.#idle.push(seat);
  }
}
