/** Workers of every runtime behind one face: node:worker_threads in Node, Worker in browsers and Deno. */
import type { Endpoint } from 'comlink';
import * as comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { messageOf } from '../errors.ts';
import { assetUrl, givenAssetPaths, setAssetPaths } from './assets.ts';
import { isNode, runtimeName } from './detect.ts';
import { givenOnnxRuntimeAddress, setOnnxRuntime } from './given-onnxruntime.ts';
import { nodeModule } from './node.ts';
import { startScript, whyNotLoaded } from './worker-script.ts';

export interface WorkerHandle {
  readonly endpoint: Endpoint;
  /** Calls back once when the worker has crashed or exited, however that came about. */
  onDeath(callback: (reason: string) => void): void;
  terminate(): Promise<void>;
  /** In Node: the process may end while the worker is there. Other runtimes have no such call. */
  unref(): void;
}

/**
 * A built worker script. Bundlers know a worker, and bundle its script, when it is written as `new Worker(new URL('./NAME', import.meta.url))`:
 * that stands with whoever starts it, so that a page gets the workers that it uses, and no script names itself.
 */
export interface WorkerScript {
  readonly name: string;
  readonly written: () => Worker;
}

/** What a worker is told first, where there is something to tell, and what it says first itself. comlink looks at neither. */
interface StartMessage {
  readonly mocoWebStart: { readonly assets: string | null; readonly onnxruntime: string | null };
}
const READY = 'moco-web worker is ready';

/** Seconds of silence, from a script that was fetched but is not ours, say, or was never answered. */
const LONGEST_START = 20;
/** Seconds after which it is looked up whether the script is there at all. */
const SUSPICIOUS = 5;

/**
 * Starts a worker script; by its name alone, or its address, where no bundler has to know it. One that never says that it is ready is
 * told of as dead.
 */
export async function spawnWorker(script: string | WorkerScript): Promise<WorkerHandle> {
  const { name, written } = typeof script === 'string' ? { name: script, written: undefined } : script;
  const handle = isNode() ? await startThread(name) : startWorker(name, written);
  const start = { assets: givenAssetPaths(), onnxruntime: givenOnnxRuntimeAddress() };
  if (start.assets !== null || start.onnxruntime !== null) {
    handle.endpoint.postMessage({ mocoWebStart: start } satisfies StartMessage);
  }
  return handle;
}

async function startThread(script: string): Promise<WorkerHandle> {
  const { Worker } = await nodeModule('worker_threads');
  const worker = new Worker(assetUrl(script));
  const endpoint = nodeEndpoint(worker);
  const tellers = new Set<(reason: string) => void>();
  const patience = waitForReady(script, endpoint, (reason) => {
    for (const tell of tellers) tell(reason);
    void worker.terminate();
  });
  worker.once('exit', () => patience.end());
  return {
    endpoint,
    onDeath(callback) {
      const tell = once(callback);
      tellers.add(tell);
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

function startWorker(script: string, written: (() => Worker) | undefined): WorkerHandle {
  const { worker, release } = startScript(script, written);
  let death: string | null = null;
  let tell = (reason: string): void => {
    death ??= reason;
  };
  const dies = (reason: string): void => {
    patience.end();
    release();
    tell(reason);
  };
  const patience = waitForReady(
    script,
    worker,
    (reason) => {
      worker.terminate();
      dies(reason);
    },
    release,
  );
  // Listened to from the first moment: Deno ends the whole process, and a page prints an error, for what nobody has taken
  // care of.
  worker.addEventListener('error', (event) => {
    event.preventDefault();
    if (event.message) return dies(event.message);
    // Browsers do not say why.
    void whyNotLoaded(script).then((why) => dies(`it could not be loaded${why === null ? '' : `: ${why}`}`));
  });
  worker.addEventListener('messageerror', () => dies('a message to it could not be read'));
  return {
    endpoint: worker,
    onDeath(callback) {
      tell = once(callback);
      if (death !== null) tell(death);
    },
    async terminate() {
      worker.terminate();
      // There is no event for it.
      dies('it was ended');
    },
    unref() {},
  };
}

/** Counted in ticks, so that a computer that slept, or a page that was frozen, wakes up to one of them at most. */
function waitForReady(
  script: string,
  endpoint: Endpoint,
  giveUp: (reason: string) => void,
  isReady = () => {},
): { end(): void } {
  let seconds = 0;
  const timer = setInterval(async () => {
    seconds++;
    if (seconds === SUSPICIOUS && !isNode()) {
      const why = await whyNotLoaded(script);
      if (why !== null && waiting) give(`it could not be loaded: ${why}`);
    }
    if (seconds === LONGEST_START) {
      give(
        `it did not say within ${LONGEST_START} s that it is ready: is ${script} the file of this package?`,
      );
    }
  }, 1000);
  // Nobody waits for the timer alone.
  (timer as { unref?(): void }).unref?.();
  let waiting = true;
  const end = () => {
    waiting = false;
    clearInterval(timer);
    endpoint.removeEventListener('message', hear);
  };
  const give = (reason: string) => {
    end();
    giveUp(reason);
  };
  const hear = (event: unknown) => {
    if ((event as MessageEvent).data !== READY) return;
    end();
    isReady();
  };
  endpoint.addEventListener('message', hear as EventListener);
  return { end };
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
    const endpoint = nodeEndpoint(parentPort);
    hearOfStart(endpoint);
    comlink.expose(api, endpoint);
    parentPort.postMessage(READY);
  } else {
    if (runtimeName() === 'browser') dieOfUnseenRejections();
    const endpoint = globalThis as unknown as Endpoint;
    hearOfStart(endpoint);
    comlink.expose(api, endpoint);
    endpoint.postMessage(READY);
  }
}

/** Messages are heard in order: the calls that come after find it said. */
function hearOfStart(endpoint: Endpoint): void {
  const hear = (event: unknown) => {
    const { mocoWebStart: start } = ((event as MessageEvent).data ?? {}) as Partial<StartMessage>;
    if (!start) return;
    setAssetPaths(start.assets);
    if (start.onnxruntime !== null) setOnnxRuntime(start.onnxruntime);
  };
  endpoint.addEventListener('message', hear as EventListener);
}

/** Elsewhere they end a worker by themselves; a page would never tell whoever started it. */
function dieOfUnseenRejections(): void {
  addEventListener('unhandledrejection', (event) => {
    event.preventDefault();
    reportError(event.reason);
  });
}
