/** A worker that dies while a call to it is pending. */
import { exposeInWorker } from '../../../src/runtime/worker.ts';

export class CrashWorker {
  hang(): Promise<void> {
    return new Promise(() => {});
  }

  /** Never answers: an error that nobody catches ends the worker before. */
  crash(): Promise<void> {
    setTimeout(() => {
      throw new Error('it fell over');
    }, 10);
    return new Promise(() => {});
  }

  /** The same with a promise that nobody waits for. */
  rejectUnseen(): Promise<void> {
    setTimeout(() => void Promise.reject(new Error('nobody saw it')), 10);
    return new Promise(() => {});
  }
}

await exposeInWorker(new CrashWorker());
