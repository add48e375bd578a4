/**
 * The ranks of a run: processes, each with some of the groups of every batch, that give each other what they have made. A
 * method knows nothing of them.
 */

/** Values in memory that other threads see. Calls are made by all ranks, in the same order, or all wait for ever. */
export type SharedValues = Float32Array<SharedArrayBuffer>;

export interface Collective {
  /** Of this process, 0 … size − 1. Rank 0 tells of the run and writes its files. */
  readonly rank: number;
  readonly size: number;
  /** all [size · own.length] ← what each rank has, in their order. */
  gather(own: SharedValues, all: SharedValues, what: string): Promise<void>;
  /** values ← those of rank 0. */
  broadcast(values: SharedValues, what: string): Promise<void>;
  /**
   * Slice r of `sent` [size · sum.length] goes to rank r, and is added there to its `sum`: first that of rank 0, then that of
   * rank 1, …, in float32. Gradients of groups are added in the order of the groups so.
   * @param received [size · sum.length], overwritten
   * @param isFirst whether the sum begins with that of rank 0
   */
  addSlices(
    sent: SharedValues,
    received: SharedValues,
    sum: SharedValues,
    isFirst: boolean,
    what: string,
  ): Promise<void>;
}

/** One process by itself. What would be given to others it has already. */
export const alone: Collective = {
  rank: 0,
  size: 1,
  async gather(own, all) {
    all.set(own);
  },
  async broadcast() {},
  async addSlices(sent, _received, sum, isFirst) {
    if (isFirst) sum.set(sent);
    else for (let i = 0; i < sum.length; i++) sum[i]! += sent[i]!;
  },
};

export function sharedValues(length: number): SharedValues {
  return new Float32Array(new SharedArrayBuffer(4 * length));
}

/** Of all groups, those of a rank: every size-th, so that what all ranks do at one time are groups that follow each other. */
export function isOwn({ rank, size }: Collective, group: number): boolean {
  return group % size === rank;
}
