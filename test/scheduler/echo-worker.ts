/** A worker for tests of the pool; built when they run. */
import { threadId } from 'node:worker_threads';
import { MocoError } from '../../src/errors.ts';
import { keepErrorCodes } from '../../src/runtime/remote-errors.ts';
import { exposeInWorker } from '../../src/runtime/worker.ts';

export class EchoWorker {
  /** Answers after a while, with the thread it ran on. */
  async echo<T>(value: T, milliseconds = 0): Promise<{ value: T; thread: number }> {
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    return { value, thread: threadId };
  }

  refuse(): never {
    throw new MocoError('image-corrupt', 'not an image');
  }

  fail(): never {
    throw new RangeError('out of range');
  }

  /** Never answers. */
  hang(): Promise<void> {
    return new Promise(() => setInterval(() => {}, 1000));
  }

  exit(code: number): void {
    process.exit(code);
  }

  crash(): Promise<void> {
    setTimeout(() => {
      throw new Error('out of luck');
    }, 0);
    return this.hang();
  }
}

keepErrorCodes();
await exposeInWorker(new EchoWorker());
