/** Rows that groups put into arrays of the whole batch, each of its own rank's: the other ranks are given them. */
import type { DeviceArray } from '../kernels/device-array.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { type Collective, sharedValues } from './collective.ts';
import type { Workspace } from './workspace.ts';

interface Put {
  readonly array: DeviceArray;
  readonly width: number;
  /** By group: one that is done again, as its worker has died, puts its rows again. */
  readonly positions: Map<number, Uint32Array>;
}

/** Of one pass through an encoder. */
export class GroupRowsPut {
  /** By the name of the array. */
  readonly #puts = new Map<string, Put>();

  /** Notes rows [positions.length, width] of an array that a group has put there, once for each array. */
  note(group: number, name: string, array: DeviceArray, width: number, positions: Uint32Array): void {
    const put = this.#puts.get(name) ?? { array, width, positions: new Map() };
    this.#puts.set(name, put);
    put.positions.set(group, positions);
  }

  /** Gives the rows to all ranks, and writes theirs into the same arrays. All ranks have as many groups, of as many rows. */
  async exchange(ranks: Collective, kernels: Kernels, workspace: Workspace, what: string): Promise<void> {
    for (const [name, { array, width, positions }] of this.#puts) {
      const rows = [...positions.values()].reduce(joined);
      const length = rows.length * width;
      const scratch = workspace.array(`rows of ranks, ${name}`, length);
      kernels.gatherRows({ target: scratch, source: array, rows, dim: width });
      const own = sharedValues(rows.length + length);
      // Where they belong goes with them, as bits.
      new Uint32Array(own.buffer, 0, rows.length).set(rows);
      own.set(await kernels.read(scratch), rows.length);
      const all = sharedValues(ranks.size * own.length);
      await ranks.gather(own, all, `${what}, ${name}`);
      for (let rank = 0; rank < ranks.size; rank++) {
        if (rank === ranks.rank) continue;
        const first = rank * own.length;
        kernels.write(scratch, all.subarray(first + rows.length, first + own.length));
        kernels.scatterRows({
          target: array,
          source: scratch,
          rows: new Uint32Array(all.buffer, 4 * first, rows.length).slice(),
          dim: width,
        });
      }
    }
  }
}

function joined(first: Uint32Array, second: Uint32Array): Uint32Array {
  const both = new Uint32Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
