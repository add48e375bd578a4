/** What the parts of a backward pass read, by name: saved activations, and what the parts before them gave. */
import type { Feeds, Tensor } from './ort.ts';

export class BackwardValues {
  readonly #values: Record<string, Tensor>;
  /** Names of what parts gave and nobody else has. */
  readonly #own = new Set<string>();

  /** @param saved stays the caller's */
  constructor(saved: Feeds) {
    this.#values = { ...saved };
  }

  get all(): Feeds {
    return this.#values;
  }

  get(name: string): Tensor {
    return this.#values[name]!;
  }

  /** Adds what stays the caller's. */
  lend(name: string, value: Tensor): void {
    this.#values[name] = value;
  }

  /** Adds what a part gave. */
  add(outputs: Feeds): void {
    for (const [name, value] of Object.entries(outputs)) {
      this.#own.add(name);
      this.#values[name] = value;
    }
  }

  /** What a part gave is the caller's from now on; later parts may read it still. */
  handOver(name: string): Tensor {
    this.#own.delete(name);
    return this.get(name);
  }

  /** What a part gave gets another name. */
  rename(from: string, to: string): void {
    this.#own.delete(from);
    this.#own.add(to);
    this.#values[to] = this.get(from);
    delete this.#values[from];
  }

  /** Disposes of what parts gave and nobody reads any more. */
  release(names: readonly string[]): void {
    for (const name of names) {
      if (this.#own.delete(name)) this.get(name).dispose();
      delete this.#values[name];
    }
  }
}
