/**
 * The kernels of the method (everything that is MoCo and not the encoder), as one interface with two
 * implementations: wasm.ts and webgpu.ts. Calls are issued in order; only `read` waits.
 * All matrices are row-major float32.
 */

/** A float32 vector in the memory of a backend. Whoever allocated it frees it. */
export interface DeviceArray {
  readonly length: number;
}

export interface InfoNceArguments {
  /** [N, C] unit rows. */
  query: DeviceArray;
  /** [N, C] unit rows, the positives: row n belongs to query n. */
  key: DeviceArray;
  /** [K, C] unit rows, the negatives. */
  queue: DeviceArray;
  rows: number;
  dim: number;
  queueSize: number;
  /** τ > 0. */
  temperature: number;
  /** What each sample's gradient is multiplied with: 1/N of the whole batch for a mean loss. */
  gradientScale: number;
  /** out [N]: −log softmax of the positive among (positive, K negatives). */
  loss: DeviceArray;
  /** out [N, C]: gradientScale · ∂loss/∂query. */
  dQuery: DeviceArray;
  /** out [N]: how many negatives have a strictly larger logit than the positive (whole numbers). */
  rank: DeviceArray;
}

/** Places in the summary of a step. */
export const SUMMARY = {
  /** Mean of the losses. */
  loss: 0,
  /** Percent of queries whose rank is 0, and below 5. */
  acc1: 1,
  acc5: 2,
  /**
   * How far unit embeddings spread: the mean over dimensions of the standard deviation over the batch (divided by N, not
   * N − 1). About 1/√C when they cover the sphere evenly, 0 when they have collapsed (SimSiam, arXiv:2011.10566, 4.1).
   */
  embeddingStd: 3,
  /** gate[0] as it is now. */
  gate: 4,
} as const;
export const SUMMARY_LENGTH = 5;

export interface SummaryArguments {
  /** [N] */
  loss: DeviceArray;
  /** [N] whole numbers, as `infoNce` gives them. */
  rank: DeviceArray;
  /** [N, C] unit rows. */
  query: DeviceArray;
  /** [1] */
  gate: DeviceArray;
  rows: number;
  dim: number;
  /** out [SUMMARY_LENGTH] */
  summary: DeviceArray;
}

export interface SgdOptions {
  learningRate: number;
  /** μ of the momentum buffer. */
  momentum: number;
  weightDecay: number;
}

export interface TopK {
  /** [queries, k], best first; ties by lower index. */
  indices: Uint32Array;
  /** [queries, k] dot products. */
  similarities: Float32Array;
}

export interface Kernels {
  readonly backend: 'wasm' | 'webgpu';

  /** A zeroed array. @throws MocoError out-of-memory */
  allocate(length: number): DeviceArray;
  free(array: DeviceArray): void;
  /** Copies values into target at an element offset. @throws MocoError shape-mismatch */
  write(target: DeviceArray, values: Float32Array, offset?: number): void;
  /** A copy of the array after everything issued so far. */
  read(array: DeviceArray): Promise<Float32Array>;

  /** For each pair of arrays of the same length: target ← source. Nothing is written while gate[0] is 0. */
  copy(targets: readonly DeviceArray[], sources: readonly DeviceArray[], gate?: DeviceArray): void;
  /** target[r] ← source[rows[r]]: target [rows.length, dim], source [≥ max(rows) + 1, dim]. */
  gatherRows(target: DeviceArray, source: DeviceArray, rows: Uint32Array, dim: number): void;
  /** target[rows[r]] ← source[r]: source [rows.length, dim], target [≥ max(rows) + 1, dim]. `rows` are distinct. */
  scatterRows(target: DeviceArray, source: DeviceArray, rows: Uint32Array, dim: number): void;

  /** y = x / max(‖x‖₂, 1e-12) for each row (torch.nn.functional.normalize); norm [rows] is kept for the gradient. */
  l2Normalize(x: DeviceArray, y: DeviceArray, norm: DeviceArray, rows: number, dim: number): void;
  /** dx = (dy − y·(y·dy)) / max(norm, 1e-12) for each row (dy / 1e-12 where the norm was clamped). */
  l2NormalizeBackward(
    y: DeviceArray,
    norm: DeviceArray,
    dy: DeviceArray,
    dx: DeviceArray,
    rows: number,
    dim: number,
  ): void;

  /** MoCo eq. (1): loss, gradient and rank of the positive in one pass over the queue, never forming N×(1+K). */
  infoNce(args: InfoNceArguments): void;
  /**
   * Row i of keys [N, C] goes to row (pointer + i) mod K of queue [K, C]; nothing is written while gate[0] is 0.
   * Returns nothing: the new pointer is (pointer + N) mod K.
   */
  enqueue(
    queue: DeviceArray,
    keys: DeviceArray,
    pointer: number,
    queueSize: number,
    rows: number,
    dim: number,
    gate: DeviceArray,
  ): void;
  /** MoCo eq. (2), for each pair of arrays: key ← m·key + (1−m)·query. Nothing is written while gate[0] is 0. */
  ema(key: readonly DeviceArray[], query: readonly DeviceArray[], m: number, gate?: DeviceArray): void;
  /** For each pair of arrays: sum ← sum + x. */
  accumulate(sums: readonly DeviceArray[], xs: readonly DeviceArray[]): void;
  /**
   * BatchNorm's running statistics, for each pair of arrays: running ← keep·running + scale·sum, with a scale for each
   * pair. Nothing is written while gate[0] is 0.
   */
  updateRunning(
    running: readonly DeviceArray[],
    sums: readonly DeviceArray[],
    keep: number,
    scales: readonly number[],
    gate: DeviceArray,
  ): void;
  /**
   * gate[0] ← 0 where any value of any array is not finite; else it stays as it is: a gate that has closed stays closed
   * until somebody writes 1 into it.
   */
  finiteGate(gate: DeviceArray, arrays: readonly DeviceArray[]): void;
  /**
   * torch.optim.SGD, for each triple: d = g + wd·p; buf ← μ·buf + d (buf starts at zero); p ← p − lr·buf.
   * Nothing is written while gate[0] is 0.
   */
  sgd(
    parameters: readonly DeviceArray[],
    gradients: readonly DeviceArray[],
    momentumBuffers: readonly DeviceArray[],
    options: SgdOptions,
    gate: DeviceArray,
  ): void;
  /** What a step tells of itself, in one array that is small enough to read back (see SUMMARY). */
  summarize(args: SummaryArguments): void;
  /** For each row of queries [Q, C] the k rows of bank [M, C] with the largest dot products. k ≤ M. */
  topK(queries: DeviceArray, bank: DeviceArray, q: number, m: number, dim: number, k: number): Promise<TopK>;

  /** Releases all memory of the backend. */
  dispose(): void;
}
