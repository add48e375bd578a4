/**
 * A sum of arrays over the groups of all ranks, in the order of the groups: bit for bit what one process gives. A group's
 * arrays are cut into as many slices as there are ranks; each rank is sent its slice of all groups, and adds them. The
 * groups that the ranks do at one time follow each other, so every slice comes when it is to be added, and none is kept.
 * At the end each rank gives all others the slice that it has summed.
 */
import type { DeviceArray } from '../kernels/device-array.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { type Collective, type SharedValues, sharedValues } from './collective.ts';

export class RankSum {
  readonly #ranks: Collective;
  /** Groups are sent from two in turn: one is filled while the other is under way. */
  readonly #sent: SharedValues[] = [];
  readonly #underWay: [Promise<void>, Promise<void>] = [Promise.resolve(), Promise.resolve()];
  readonly #received: SharedValues;
  readonly #sum: SharedValues;
  #groups = 0;
  #what = '';

  /** @param lengths of the arrays */
  constructor(ranks: Collective, lengths: readonly number[]) {
    this.#ranks = ranks;
    const slice = Math.ceil(lengths.reduce((sum, length) => sum + length, 0) / ranks.size);
    this.#sum = sharedValues(slice);
    this.#received = sharedValues(ranks.size * slice);
  }

  /** What comes next is another sum. @param what of which step and what, for messages */
  begin(what: string): void {
    this.#groups = 0;
    this.#what = what;
  }

  /**
   * Adds a group of this rank, and the groups that the others add with the same call. Returns when the arrays have been
   * taken, while they are under way still.
   */
  async add(arrays: readonly Float32Array[]): Promise<void> {
    const number = this.#groups++;
    const half = number % 2;
    await this.#underWay[half];
    this.#sent[half] ??= sharedValues(this.#received.length);
    const sent = this.#sent[half];
    let at = 0;
    for (const array of arrays) {
      sent.set(array, at);
      at += array.length;
    }
    const added = this.#ranks.addSlices(sent, this.#received, this.#sum, number === 0, this.#what);
    // Avoids an unhandledRejection: whoever needs it awaits it.
    added.catch(() => {});
    this.#underWay[half] = added;
  }

  /** targets ← the sum. */
  async finish(kernels: Kernels, targets: readonly DeviceArray[]): Promise<void> {
    await Promise.all(this.#underWay);
    const all = this.#sent[0]!;
    await this.#ranks.gather(this.#sum, all, this.#what);
    let at = 0;
    for (const target of targets) {
      kernels.write(target, all.subarray(at, at + target.length));
      at += target.length;
    }
  }
}
