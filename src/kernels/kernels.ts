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

  /** target ← source, of the same length. */
  copy(target: DeviceArray, source: DeviceArray): void;
  /** Row r of target [rows, dim] ← row first + r·stride of source: the rows of one group, group = row mod groups. */
  gatherRows(
    target: DeviceArray,
    source: DeviceArray,
    first: number,
    stride: number,
    rows: number,
    dim: number,
  ): void;

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
  /** MoCo eq. (2), for each pair of arrays: key ← m·key + (1−m)·query. */
  ema(key: readonly DeviceArray[], query: readonly DeviceArray[], m: number): void;
  /** sum ← sum + x. */
  accumulate(sum: DeviceArray, x: DeviceArray): void;
  /** gate[0] ← 1 if every value of every array is finite, else 0. */
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
  /** For each row of queries [Q, C] the k rows of bank [M, C] with the largest dot products. k ≤ M. */
  topK(queries: DeviceArray, bank: DeviceArray, q: number, m: number, dim: number, k: number): Promise<TopK>;

  /** Releases all memory of the backend. */
  dispose(): void;
}
