/** The trainer's working memory. */
import { type DeviceArray, type Kernels, SUMMARY_LENGTH } from '../kernels/kernels.ts';

/** Arrays that each step writes anew, and the gate. [n] and [N] are the sizes of a group and of the batch. */
export interface Scratch {
  /** [n, C] */
  readonly query: DeviceArray;
  readonly key: DeviceArray;
  readonly dQuery: DeviceArray;
  readonly dRaw: DeviceArray;
  /** [n] */
  readonly norm: DeviceArray;
  readonly loss: DeviceArray;
  readonly rank: DeviceArray;
  /** [N, C], in batch order */
  readonly rawKeys: DeviceArray;
  readonly keys: DeviceArray;
  readonly queries: DeviceArray;
  /** [N], in batch order */
  readonly keyNorms: DeviceArray;
  readonly losses: DeviceArray;
  readonly ranks: DeviceArray;
  /** Sum over the groups of the gradients, in the order of the parameters. */
  readonly gradientSum: readonly DeviceArray[];
  /** [1]: 1 until a step goes bad. */
  readonly gate: DeviceArray;
  /** [SUMMARY_LENGTH] */
  readonly summary: DeviceArray;
}

/**
 * @param lengths of the parameters
 * @throws MocoError out-of-memory
 */
export function allocateScratch(
  kernels: Kernels,
  sizes: { readonly batchSize: number; readonly groups: number; readonly dim: number },
  lengths: readonly number[],
): Scratch {
  const { batchSize, groups, dim } = sizes;
  const n = batchSize / groups;
  const group = () => kernels.allocate(n * dim);
  const batch = () => kernels.allocate(batchSize * dim);
  const gate = kernels.allocate(1);
  kernels.write(gate, Float32Array.of(1));
  return {
    query: group(),
    key: group(),
    dQuery: group(),
    dRaw: group(),
    norm: kernels.allocate(n),
    loss: kernels.allocate(n),
    rank: kernels.allocate(n),
    rawKeys: batch(),
    keys: batch(),
    queries: batch(),
    keyNorms: kernels.allocate(batchSize),
    losses: kernels.allocate(batchSize),
    ranks: kernels.allocate(batchSize),
    gradientSum: lengths.map((length) => kernels.allocate(length)),
    gate,
    summary: kernels.allocate(SUMMARY_LENGTH),
  };
}
