/** The real workers of a run, with what a test needs to break them: it sees what is posted to them, and may end them. */

import { syncBuiltinESMExports } from 'node:module';
import workerThreads, { type Worker } from 'node:worker_threads';

/** Node ends the whole process with a thread that is in native code: there a worker dies before the call reaches it. */
const NATIVE = process.env.MOCO_TEST_BACKEND === 'native';

/** A named import would follow the replacement. */
const RealWorker = workerThreads.Worker;

/** A call that the product makes of a worker through comlink. */
export interface Call {
  /** e.g. encoder-worker.js */
  readonly script: string;
  /** The method, e.g. trainingForward. */
  readonly method: string;
  /** How often it has been called, this call included, on all workers of the script together. */
  readonly count: number;
  readonly worker: Worker;
}

/** What becomes of a call: it goes on as always, never gets there, or the worker is gone. */
export type Fate = 'reaches' | 'is lost' | 'kills';

export interface WorkerOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly execArgv?: string[];
}

/**
 * Lets `fate` decide about each call until `restore` is called.
 * @param options added to those of each worker that is started meanwhile
 */
export function watchWorkers(fate: (call: Call) => Fate, options: WorkerOptions = {}) {
  const counts = new Map<string, number>();
  class WatchedWorker extends RealWorker {
    readonly #script: string;

    constructor(file: string | URL, given: object = {}) {
      super(file, { ...given, ...options });
      this.#script = String(file).replace(/^.*\//, '');
    }

    override postMessage(message: { path?: string[] }, transfer?: readonly never[]): void {
      const method = message.path?.[0] ?? '';
      const key = `${this.#script} ${method}`;
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      const decided = fate({ script: this.#script, method, count, worker: this });
      if (decided === 'reaches' || (decided === 'kills' && !NATIVE)) super.postMessage(message, transfer);
      if (decided === 'kills') void this.terminate();
    }
  }
  workerThreads.Worker = WatchedWorker;
  syncBuiltinESMExports();
  return {
    restore() {
      workerThreads.Worker = RealWorker;
      syncBuiltinESMExports();
    },
  };
}
