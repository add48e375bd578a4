/** Halts a run and lets it go on: handed to `pretrain` as `pause`, and worked by whoever reads its events. */
export class PauseSwitch {
  #paused: { readonly over: Promise<void>; readonly end: () => void } | null = null;

  get paused(): boolean {
    return this.#paused !== null;
  }

  /** Steps under way are finished and told of; then the run waits, with all its memory and workers. */
  pause(): void {
    if (this.#paused) return;
    let end = (): void => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#paused = { over, end };
  }

  /** The run goes on with the numbers that it would have given without a pause. */
  resume(): void {
    this.#paused?.end();
    this.#paused = null;
  }

  /** Waits for the end of the pause, if there is one, or for the signal. */
  async wait(signal?: AbortSignal): Promise<void> {
    if (!this.#paused || signal?.aborted) return;
    const { over } = this.#paused;
    await new Promise<void>((resolve) => {
      const done = () => {
        signal?.removeEventListener('abort', done);
        resolve();
      };
      signal?.addEventListener('abort', done);
      void over.then(done);
    });
  }
}
