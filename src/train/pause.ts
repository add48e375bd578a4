/**
 * Halts a run and lets it go on: handed to `pretrain` as `pause`, and worked by whoever reads its events. Each change is
 * an event `change`.
 */
export class PauseSwitch extends EventTarget {
  #paused = false;

  get paused(): boolean {
    return this.#paused;
  }

  /** Steps under way are finished and told of; then the run waits, with all its memory and workers. */
  pause(): void {
    this.#set(true);
  }

  /** The run goes on with the numbers that it would have given without a pause. */
  resume(): void {
    this.#set(false);
  }

  /** Waits for the end of the pause, if there is one, or for the signal. */
  async wait(signal?: AbortSignal): Promise<void> {
    if (!this.#paused || signal?.aborted) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        signal?.removeEventListener('abort', done);
        this.removeEventListener('change', done);
        resolve();
      };
      signal?.addEventListener('abort', done);
      this.addEventListener('change', done);
    });
  }

  #set(paused: boolean): void {
    if (this.#paused === paused) return;
    this.#paused = paused;
    this.dispatchEvent(new Event('change'));
  }
}
