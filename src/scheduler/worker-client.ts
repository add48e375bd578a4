/** One worker, as long as it lives. */
import * as comlink from 'comlink';
import { MocoError } from '../errors.ts';
import { spawnWorker, type WorkerHandle } from '../runtime/worker.ts';

export type Remote<Api> = comlink.Remote<Api>;

/** Calls to it reject when it dies; comlink by itself would wait for ever. */
export class WorkerClient<Api> {
  readonly #handle: WorkerHandle;
  readonly #remote: Remote<Api>;
  readonly #script: string;
  #death: MocoError | null = null;
  readonly #onDeath = new Set<(reason: MocoError) => void>();

  private constructor(handle: WorkerHandle, script: string) {
    this.#handle = handle;
    this.#script = script;
    this.#remote = comlink.wrap<Api>(handle.endpoint);
    handle.onDeath((reason) => this.#die(reason));
  }

  /** @param written see spawnWorker */
  static async spawn<Api>(script: string, written?: () => Worker): Promise<WorkerClient<Api>> {
    return new WorkerClient<Api>(await spawnWorker(script, written), script);
  }

  /** What its calls reject with since it died. */
  get death(): MocoError | null {
    return this.#death;
  }

  /**
   * Not a Promise.race with a promise of the death: that one would hold on to every race, and through it to every
   * result, for as long as the worker lives.
   * @param deadline milliseconds; a worker that takes longer is ended
   * @throws MocoError worker-died, and whatever the task throws
   */
  call<Result>(
    task: (remote: Remote<Api>) => Promise<Result>,
    deadline = Number.POSITIVE_INFINITY,
  ): Promise<Result> {
    if (this.#death) return Promise.reject(this.#death);
    return new Promise((resolve, reject) => {
      const timer = Number.isFinite(deadline) ? setTimeout(() => this.#hangs(deadline), deadline) : undefined;
      const died = (reason: MocoError) => {
        // The task itself never settles.
        clearTimeout(timer);
        reject(reason);
      };
      this.#onDeath.add(died);
      const run = async () => task(this.#remote);
      run()
        .then(resolve, reject)
        .finally(() => {
          this.#onDeath.delete(died);
          clearTimeout(timer);
        });
    });
  }

  async terminate(): Promise<void> {
    await this.#handle.terminate();
  }

  #hangs(deadline: number): void {
    this.#die(`it gave no answer within ${Math.round(deadline / 1000)} s and was ended`);
    void this.#handle.terminate();
  }

  #die(reason: string): void {
    if (this.#death) return;
    this.#death = new MocoError('worker-died', `worker ${this.#script} died: ${reason}`);
    for (const reject of this.#onDeath) reject(this.#death);
    this.#onDeath.clear();
  }
}
