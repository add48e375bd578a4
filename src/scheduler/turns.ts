/** Tasks one after the other, in the order in which they are given, while what the next ones need is prepared. */
export class Turns {
  /** How many tasks may be prepared or running. */
  #free: number;
  readonly #waiting: (() => void)[] = [];
  /** Settles when the task that came last is through. */
  #last: Promise<void> = Promise.resolve();

  constructor(ahead: number) {
    this.#free = ahead + 1;
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
    await this.#enter();
    const preparing = prepare();
    // A failure is looked at in its turn.
    preparing.catch(() => {});
    await before;
    try {
      return await task(await preparing);
    } finally {
      leave();
      this.#exit();
    }
  }

  /** Waits for all tasks given so far, whatever becomes of them. */
  async finish(): Promise<void> {
    await this.#last;
  }

  async #enter(): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((go) => this.#waiting.push(go));
  }

  #exit(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
