/** What the page knows, whatever view is shown. Views read it, ask it to do things, and hear when something has changed. */
import type { ChosenPhotos } from './photos.ts';
import type { Run } from './run.ts';

/** What has changed: photos were chosen, the run went on (a step, a measurement, a pause), something is to be told. */
export type Change = 'photos' | 'run' | 'notice';

export class App {
  photos: ChosenPhotos | null = null;
  run: Run | null = null;
  readonly #listeners = new Map<Change, Set<() => void>>();

  /** @returns what ends it */
  on(change: Change, listener: () => void): () => void {
    const listeners = this.#listeners.get(change) ?? new Set();
    this.#listeners.set(change, listeners);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  tell(change: Change): void {
    for (const listener of this.#listeners.get(change) ?? []) listener();
  }
}

/** One of the four screens. Shows itself in `root`, and gives what takes it down again. */
export type View = (app: App, root: HTMLElement) => () => void;
