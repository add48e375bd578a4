/** What the parts of a backward pass read, by name: saved activations, and what the parts before them gave. */
import type { Feeds, Tensor } from './ort.ts';

export class BackwardValues {
  readonly #values: Record<string, Tensor>;
  /** What parts gave, which is disposed of here. */
  readonly #own = new Map<string, Tensor>();

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

  /** Adds what a part gave. Segments of a network may use a name again, each for itself. */
  add(outputs: Feeds): void {
    for (const [name, value] of Object.entries(outputs)) {
      this.#own.get(name)?.dispose();
      this.#own.set(name, value);
      this.#values[name] = value;
    }
  }

  /**
   * Disposes of what parts gave and nobody needs any more.
   * @param results that are the caller's from now on
   * @param read names that later parts read
   */
  keep(results: ReadonlySet<Tensor>, read: Iterable<string>): void {
    const later = new Set(read);
    for (const [name, value] of this.#own) {
      if (later.has(name)) continue;
      this.#own.delete(name);
      delete this.#values[name];
      if (!results.has(value)) value.dispose();
    }
  }
}
