/** A pool of like workers called through comlink; tasks are taken in the order in which they are given. */
import * as comlink from 'comlink';
import { MocoError } from '../errors.ts';
import { spawnWorker, type WorkerHandle } from '../runtime/worker.ts';
import { keepErrorCodes } from './remote-errors.ts';

export type Remote<Api> = comlink.Remote<Api>;

/** One worker. Calls to it reject when it dies; comlink by itself would wait for ever. */
class Member<Api> {
  readonly handle: WorkerHandle;
  readonly #remote: Remote<Api>;
  #death: MocoError | null = null;
  readonly #onDeath = new Set<(reason: MocoError) => void>();

  constructor(handle: WorkerHandle, script: string) {
    this.handle = handle;
    this.#remote = comlink.wrap<Api>(handle.endpoint);
    handle.onDeath((reason) => {
      this.#death = new MocoError('worker-died', `worker ${script} died: ${reason}`);
      for (const reject of this.#onDeath) reject(this.#death);
      this.#onDeath.clear();
    });
  }

  /**
   * Not a Promise.race with a promise of the death: that one would hold on to every race, and through it to every
   * result, for as long as the worker lives.
   */
  call<Result>(task: (remote: Remote<Api>) => Promise<Result>): Promise<Result> {
    if (this.#death) return Promise.reject(this.#death);
    return new Promise((resolve, reject) => {
      this.#onDeath.add(reject);
      const run = async () => task(this.#remote);
      run()
        .then(resolve, reject)
        .finally(() => this.#onDeath.delete(reject));
    });
  }
}

export class WorkerPool<Api extends object> {
  readonly #members: readonly Member<Api>[];
  readonly #idle: Member<Api>[];
  readonly #waiting: ((member: Member<Api>) => void)[] = [];

  private constructor(members: Member<Api>[]) {
    this.#members = members;
    this.#idle = [...members];
  }

  /** Starts `count` workers of a built script and makes each ready with `prepare`. */
  static async start<Api extends object>(
    script: string,
    count: number,
    prepare: (remote: Remote<Api>) => Promise<void>,
  ): Promise<WorkerPool<Api>> {
    keepErrorCodes();
    const members = await Promise.all(
      Array.from({ length: count }, async () => new Member<Api>(await spawnWorker(script), script)),
    );
    const pool = new WorkerPool<Api>(members);
    try {
      await pool.broadcast(prepare);
    } catch (error) {
      await pool.dispose();
      throw error;
    }
    return pool;
  }

  get size(): number {
    return this.#members.length;
  }

  /**
   * Runs a task on the next idle worker, which is the task's alone until its promise settles.
   * @throws MocoError worker-died where the worker crashes or exits meanwhile
   */
  async run<Result>(task: (remote: Remote<Api>) => Promise<Result>): Promise<Result> {
    const member = await this.#take();
    try {
      return await member.call(task);
    } finally {
      this.#giveBack(member);
    }
  }

  /** Runs a task on every worker at once, beside whatever they are doing. */
  async broadcast(task: (remote: Remote<Api>) => Promise<void>): Promise<void> {
    await Promise.all(this.#members.map((member) => member.call(task)));
  }

  /** Ends all workers. Tasks that are still running reject. */
  async dispose(): Promise<void> {
    await Promise.all(this.#members.map(({ handle }) => handle.terminate()));
  }

  #take(): Promise<Member<Api>> {
    const member = this.#idle.shift();
    if (member) return Promise.resolve(member);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #giveBack(member: Member<Api>): void {
    const next = this.#waiting.shift();
    if (next) next(member);
    else this.#idle.push(member);
  }
}
