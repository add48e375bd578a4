import { Semaphore } from './semaphore.ts';

/** Tasks one after the other, in the order in which they are given, while what the next ones need is prepared. */
export class Sequencer {
  /** Of tasks that are prepared or running. */
  readonly #running: Semaphore;
  /** Settles when the task that came last is through. */
  #last: Promise<void> = Promise.resolve();

  constructor(ahead: number) {
    this.#running = new Semaphore(ahead + 1);
  }

  /** @throws what prepare or task throw */
  async run<Prepared, Result>(
    prepare: () => Promise<Prepared>,
    task: (prepared: Prepared) => Promise<Result>,
  ): Promise<Result> {
    const before = this.#last;
    let leave = () => {};
    this.#last = new Promise((done) => {
      leave = done;
    });
    await this.#running.acquire();
    const preparing = prepare();
    // Avoids an unhandledRejection; it is awaited below, when its turn comes.
    preparing.catch(() => {});
    await before;
    try {
      return await task(await preparing);
    } finally {
      leave();
      this.#running.release();
    }
  }

  /** Waits for all tasks given so far, whatever becomes of them. */
  async finish(): Promise<void> {
    await this.#last;
  }
}
