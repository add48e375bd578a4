/** Workers of every runtime behind one face: node:worker_threads in Node, Worker in browsers and Deno. */
import type { Endpoint } from 'comlink';
import * as comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { messageOf } from '../errors.ts';
import { assetUrl } from './assets.ts';
import { isNode, runtimeName } from './detect.ts';
import { nodeModule } from './node.ts';

export interface WorkerHandle {
  readonly endpoint: Endpoint;
  /** Calls back once when the worker has crashed or exited, however that came about. */
  onDeath(callback: (reason: string) => void): void;
  terminate(): Promise<void>;
  /** In Node: the process may end while the worker is there. Other runtimes have no such call. */
  unref(): void;
}

/** Bundlers know a worker, and bundle its script, when it is written like this. */
const WRITTEN_OUT: Readonly<Record<string, () => Worker>> = {
  'encoder-worker.js': () => new Worker(new URL('./encoder-worker.js', import.meta.url), { type: 'module' }),
  'data-worker.js': () => new Worker(new URL('./data-worker.js', import.meta.url), { type: 'module' }),
  'kernel-worker.js': () => new Worker(new URL('./kernel-worker.js', import.meta.url), { type: 'module' }),
};

/**
 * Starts a built worker script, e.g. `spawnWorker('encoder-worker.js')`.
 * @param written the same written out for bundlers, of a script that itself starts workers: a bundler would go round in
 * circles if such a script were named in what it imports
 */
export async function spawnWorker(
  script: string,
  written: (() => Worker) | undefined = WRITTEN_OUT[script],
): Promise<WorkerHandle> {
  if (isNode()) {
    const { Worker } = await nodeModule('worker_threads');
    const worker = new Worker(assetUrl(script));
    return {
      endpoint: nodeEndpoint(worker),
      onDeath(callback) {
        const tell = once(callback);
        // A crash is an error, and then an exit.
        worker.once('error', (error) => tell(messageOf(error)));
        worker.once('exit', (code) => tell(`it exited with code ${code}`));
      },
      async terminate() {
        await worker.terminate();
      },
      unref: () => worker.unref(),
    };
  }
  const worker = written?.() ?? new Worker(assetUrl(script), { type: 'module' });
  let death: string | null = null;
  let tell = (reason: string): void => {
    death ??= reason;
  };
  // Listened to from the first moment: Deno ends the whole process, and a page prints an error, for what nobody has taken
  // care of.
  worker.addEventListener('error', (event) => {
    event.preventDefault();
    tell(event.message || 'it could not be loaded');
  });
  worker.addEventListener('messageerror', () => tell('a message to it could not be read'));
  return {
    endpoint: worker,
    onDeath(callback) {
      tell = once(callback);
      if (death !== null) tell(death);
    },
    async terminate() {
      worker.terminate();
      // There is no event for it.
      tell('it was ended');
    },
    unref() {},
  };
}

function once(callback: (reason: string) => void): (reason: string) => void {
  let told = false;
  return (reason) => {
    if (!told) callback(reason);
    told = true;
  };
}

/** Called once by a worker script: makes the object callable from whoever spawned the worker. */
export async function exposeInWorker(api: object): Promise<void> {
  if (isNode()) {
    const { parentPort } = await nodeModule('worker_threads');
    if (!parentPort) throw new Error('this script is a worker: it cannot be run by itself');
    comlink.expose(api, nodeEndpoint(parentPort));
  } else {
    if (runtimeName() === 'browser') dieOfUnseenRejections();
    comlink.expose(api);
  }
}

/** Elsewhere they end a worker by themselves; a page would never tell whoever started it. */
function dieOfUnseenRejections(): void {
  addEventListener('unhandledrejection', (event) => {
    event.preventDefault();
    reportError(event.reason);
  });
}

/** Whether views on shared memory can be posted to workers (in a page only where it is cross-origin isolated). */
export function canShareMemory(): boolean {
  return typeof SharedArrayBuffer !== 'undefined' && globalThis.crossOriginIsolated !== false;
}
