/**
 * What the passes of one step give to other ranks, and are given. All ranks have to exchange the same in the same order,
 * whatever is done first on each: pass after pass, in the order in which the method has called them.
 */
import type { DeviceArray } from '../kernels/device-array.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { GroupArrays } from '../scheduler/group-encoders.ts';
import type { Collective } from './collective.ts';
import { GroupRowsPut } from './group-rows.ts';
import { type GroupSum, sumGroups } from './group-sums.ts';
import type { Workspace } from './workspace.ts';

type Runs = readonly Promise<readonly (GroupArrays | null)[]>[];

export interface PassRows {
  /** Does what puts rows of a group. */
  of<Result>(group: number, task: () => Result): Result;
  /** The rows of all ranks' groups are there. */
  exchange(): Promise<void>;
}

export class StepRanks {
  readonly #ranks: Collective;
  readonly #kernels: Kernels;
  readonly #workspace: Workspace;
  readonly #step: number;
  /** Rejects once a pass has failed: nothing more is exchanged then. */
  #before: Promise<void> = Promise.resolve();
  #putting: { readonly rows: GroupRowsPut; readonly group: number } | null = null;

  constructor(ranks: Collective, kernels: Kernels, workspace: Workspace, step: number) {
    this.#ranks = ranks;
    this.#kernels = kernels;
    this.#workspace = workspace;
    this.#step = step;
  }

  /** When everything that was asked for is exchanged. */
  get exchanged(): Promise<void> {
    return this.#before;
  }

  /** Those that are put in one part of a pass. */
  rows(): PassRows {
    const rows = new GroupRowsPut();
    return {
      of: (group, task) => {
        this.#putting = { rows, group };
        try {
          return task();
        } finally {
          this.#putting = null;
        }
      },
      exchange: () => rows.exchange(this.#ranks, this.#kernels, this.#workspace, `step ${this.#step}`),
    };
  }

  /** To be told of all rows that a method puts into arrays of the batch: those of groups go to other ranks. */
  put(name: string, array: DeviceArray, width: number, positions: Uint32Array): void {
    if (this.#putting) this.#putting.rows.note(this.#putting.group, name, array, width, positions);
  }

  /** Rows first, as others wait for them; then sums. @returns when the rows are there */
  rowsFirst(
    runs: Runs,
    rows: PassRows,
    statistics: GroupSum | null,
  ): { rows: Promise<void>; all: Promise<void> } {
    const before = this.#before;
    const given = async () => {
      await Promise.all([before, ...runs]);
      await rows.exchange();
    };
    const done = given();
    const all = sumGroups(runs, [statistics], done).then(() => this.finish([statistics]));
    this.#follow(all);
    return { rows: done, all };
  }

  /**
   * Sums as the groups are done, then rows.
   * @param ready part of this pass, that comes before its sums
   */
  sumsFirst(
    runs: Runs,
    sums: readonly (GroupSum | null)[],
    statistics: GroupSum | null,
    rows: PassRows,
    ready: Promise<unknown> = this.#before,
  ): Promise<void> {
    const all = sumGroups(runs, sums, ready)
      .then(() => this.finish([statistics]))
      .then(() => rows.exchange());
    this.#follow(all);
    return all;
  }

  async finish(sums: readonly (GroupSum | null)[]): Promise<void> {
    for (const sum of sums) await sum?.ranks?.finish(this.#kernels, sum.arrays);
  }

  #follow(pass: Promise<void>): void {
    this.#before = pass;
    // Avoids an unhandledRejection: the trainer awaits it.
    pass.catch(() => {});
  }
}
