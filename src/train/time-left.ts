/** Steps that the estimate looks back on: long enough to be steady, short enough to follow a machine that gets busy. */
const WINDOW = 20;

/** How long the rest of a run takes, from the mean duration of its last steps, with all that came between them. */
export class TimeLeft {
  readonly #seconds: number[] = [];
  #count = 0;

  /** @param seconds from the end of the step before to the end of this one */
  add(seconds: number): void {
    // A first step compiles and warms up: it counts only while there is no other.
    if (this.#count++ === 1) this.#seconds.length = 0;
    this.#seconds.push(seconds);
    if (this.#seconds.length > WINDOW) this.#seconds.shift();
  }

  /** Seconds; NaN before the first step. */
  of(steps: number): number {
    return (steps * this.#seconds.reduce((sum, x) => sum + x, 0)) / this.#seconds.length;
  }
}
