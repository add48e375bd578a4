/** The trainer's working memory. */
import type { DeviceArray, Kernels } from '../kernels/kernels.ts';

/** Arrays that each step writes anew. [n] and [N] are the sizes of a group and of the batch. */
export interface Scratch {
  /** [n, C] */
  readonly raw: DeviceArray;
  readonly query: DeviceArray;
  readonly key: DeviceArray;
  readonly dQuery: DeviceArray;
  readonly dRaw: DeviceArray;
  /** [n] */
  readonly norm: DeviceArray;
  readonly loss: DeviceArray;
  readonly rank: DeviceArray;
  /** [N, C] */
  readonly rawKeys: DeviceArray;
  readonly keys: DeviceArray;
  /** [N] */
  readonly keyNorms: DeviceArray;
  readonly losses: DeviceArray;
  /** [1] */
  readonly gate: DeviceArray;
}

/** @throws MocoError out-of-memory */
export function allocateScratch(kernels: Kernels, batchSize: number, groups: number, dim: number): Scratch {
  const n = batchSize / groups;
  const group = () => kernels.allocate(n * dim);
  const batch = () => kernels.allocate(batchSize * dim);
  return {
    raw: group(),
    query: group(),
    key: group(),
    dQuery: group(),
    dRaw: group(),
    norm: kernels.allocate(n),
    loss: kernels.allocate(n),
    rank: kernels.allocate(n),
    rawKeys: batch(),
    keys: batch(),
    keyNorms: kernels.allocate(batchSize),
    losses: kernels.allocate(batchSize),
    gate: kernels.allocate(1),
  };
}
