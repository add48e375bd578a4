/** One worker, as long as it lives. */
import * as comlink from 'comlink';
import { MocoError } from '../errors.ts';
import { spawnWorker, type WorkerHandle, type WorkerScript } from '../runtime/worker.ts';

export type Remote<Api> = comlink.Remote<Api>;

/** A deadline is waited for in so many parts: a computer that slept, or a process that was stopped, wakes up to one of them at most. */
const PARTS = 20;
/** Milliseconds that a worker in native code is given to come back from it. */
const PATIENCE = 30_000;

let inNativeCode = 0;

/** Whether some worker may be in the middle of native code. */
export function isInNativeCode(): boolean {
  return inNativeCode > 0;
}

export interface WorkerClientOptions {
  /**
   * Its calls run native code, in the middle of which it must not be ended: Node would end the whole process with it
   * (Napi::Error, from a thread that is no longer there). It is ended when it has come back, or left alone.
   */
  readonly native?: boolean;
}

/** Calls to it reject when it dies; comlink by itself would wait for ever. */
export class WorkerClient<Api> {
  readonly #handle: WorkerHandle;
  readonly #native: boolean;
  readonly #remote: Remote<Api>;
  readonly #script: string;
  #death: MocoError | null = null;
  readonly #onDeath = new Set<(reason: MocoError) => void>();

  /** No further calls begin. */
  #ending = false;
  /** Whether it has ended by itself. */
  #gone = false;
  /** Calls that have not come back. */
  readonly #running = new Set<Promise<unknown>>();

  private constructor(handle: WorkerHandle, script: string, native: boolean) {
    this.#handle = handle;
    this.#native = native;
    this.#script = script;
    this.#remote = comlink.wrap<Api>(handle.endpoint);
    handle.onDeath((reason) => {
      this.#gone = true;
      this.#die(reason);
    });
  }

  static async spawn<Api>(
    script: string | WorkerScript,
    { native = false }: WorkerClientOptions = {},
  ): Promise<WorkerClient<Api>> {
    const name = typeof script === 'string' ? script : script.name;
    return new WorkerClient<Api>(await spawnWorker(script), name, native);
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
    if (this.#ending)
      return Promise.reject(new MocoError('worker-died', `worker ${this.#script} is being ended`));
    return new Promise((resolve, reject) => {
      const stopWatching = Number.isFinite(deadline) ? this.#watch(deadline) : () => {};
      const died = (reason: MocoError) => {
        // The task itself may never settle.
        stopWatching();
        reject(reason);
      };
      this.#onDeath.add(died);
      const run = async () => task(this.#remote);
      const running = run()
        .then(resolve, reject)
        .finally(() => {
          this.#onDeath.delete(died);
          this.#running.delete(running);
          if (this.#native) inNativeCode--;
          stopWatching();
        });
      this.#running.add(running);
      if (this.#native) inNativeCode++;
    });
  }

  async terminate(): Promise<void> {
    this.#ending = true;
    if (this.#native && !this.#gone && this.#running.size > 0) {
      const waited = sleep(PATIENCE);
      await Promise.race([Promise.allSettled(this.#running), waited.over]);
      waited.cancel();
      if (this.#running.size > 0) return this.#handle.unref();
    }
    await this.#handle.terminate();
  }

  /** @returns what ends the watch */
  #watch(deadline: number): () => void {
    let part = 0;
    const timer = setInterval(() => {
      if (++part === PARTS) this.#hangs(deadline);
    }, deadline / PARTS);
    return () => clearInterval(timer);
  }

  #hangs(deadline: number): void {
    this.#die(`it gave no answer within ${Math.round(deadline / 1000)} s and was ended`);
    void this.terminate();
  }

  #die(reason: string): void {
    if (this.#death) return;
    this.#death = new MocoError('worker-died', `worker ${this.#script} died: ${reason}`);
    for (const reject of this.#onDeath) reject(this.#death);
    this.#onDeath.clear();
  }
}

function sleep(milliseconds: number): { readonly over: Promise<void>; cancel(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  return { over, cancel: () => clearTimeout(timer) };
}
