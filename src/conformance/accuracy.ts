/** What each backend promises, as derived in docs/numerics.md. All errors are relative unless they say otherwise. */

/** Unit roundoff of float32. */
export const U = 2 ** -24;

export interface Accuracy {
  /** Whether elementwise kernels give the bits of one float32 operation after the other. */
  readonly exact: boolean;
  /** Absolute: what may be lost to denormals. */
  readonly smallest: number;
  /** γ, absolute: a dot product of two unit rows. */
  dotBound(dim: number): number;
  /** A weight exp(x), x ≤ 0, with the rescaling that it goes through, its argument taken as exact. */
  exponentialError(x: number, queueSize: number): number;
  /** The additions of S. */
  sumError(queueSize: number): number;
  /** The additions and rescalings of V, of the sum of absolute values. */
  weightedSumError(queueSize: number): number;
  /** Absolute: the logarithm of the loss. */
  logError(loss: number): number;
  /** L2 normalisation of one row. */
  normError(dim: number): number;
  unitError(dim: number): number;
  /** y·dy, of Σ|y·dy|. */
  projectionError(dim: number): number;
  /** A mean of float32 over the batch or the columns (summarize), of the mean of absolute values. */
  meanError(count: number): number;
  /** 100·count/rows. */
  percentError: number;
  /** Absolute: the standard deviation of a column. */
  deviationError(column: { deviation: number; distance: number; largest: number }, rows: number): number;
  /** The last steps of dx: a product, a difference, a quotient. */
  quotientError: number;
}

export const WASM: Accuracy = {
  exact: true,
  smallest: 2 ** -149,
  dotBound: (dim) => ((Math.ceil(dim / 16) * 16) / 4 + 2) * U,
  exponentialError: () => 4 * U,
  sumError: () => 40 * U,
  weightedSumError: (queueSize) => (32 + queueSize / 8 + 8) * U,
  logError: (loss) => U * loss,
  normError: () => U * (1 + 1e-6),
  unitError: () => U * (1 + 1e-6),
  projectionError: (dim) => dim * 2 ** -51,
  quotientError: U,
  // Float64 sums of at most 2^20 numbers, rounded once.
  meanError: () => U * (1 + 2 ** -8),
  percentError: U * (1 + 2 ** -8),
  deviationError: ({ largest }) => 2 ** -30 * U * largest,
};

/** Tiles of one split of the queue, and splits (src/kernels/webgpu-infonce.ts). */
function tilesAndSplits(queueSize: number): [number, number] {
  const tiles = Math.ceil(queueSize / 32);
  const perSplit = Math.max(4, Math.ceil(tiles / 128));
  return [perSplit, Math.ceil(tiles / perSplit)];
}

/** WGSL: 1 ULP is 2U; exp 3 + 2·|x| ULP, division 2.5 ULP, sqrt 1/inverseSqrt = 2 + 2.5 ULP. Sums in any order. */
export const WEBGPU: Accuracy = {
  exact: false,
  smallest: 2 ** -124,
  dotBound: (dim) => (dim + 2) * U,
  exponentialError: (x, queueSize) => {
    const [tiles] = tilesAndSplits(queueSize);
    return 2 * U * (3 * (tiles + 2) + 2 * Math.abs(x)) + (tiles + 2) * U;
  },
  sumError: (queueSize) => {
    const [tiles, splits] = tilesAndSplits(queueSize);
    return (4 * tiles + 8 + splits) * U;
  },
  weightedSumError: (queueSize) => {
    const [tiles, splits] = tilesAndSplits(queueSize);
    return (32 + tiles + splits + 12) * U;
  },
  logError: (loss) => 14 * U * loss + (loss > Math.LN2 ? 2 * U : 0),
  normError: (dim) => ((Math.ceil(dim / 64) + 7) / 2 + 9) * U,
  unitError: (dim) => ((Math.ceil(dim / 64) + 7) / 2 + 9 + 6) * U,
  projectionError: (dim) => (Math.ceil(dim / 64) + 8) * U,
  quotientError: 8 * U,
  meanError: (count) => (Math.ceil(count / 256) + 14) * U,
  percentError: 7 * U,
  deviationError: ({ deviation, distance, largest }, rows) =>
    (rows + 6) * U * distance + 6 * U * largest + ((rows + 5) / 2 + 10) * U * deviation + 2 ** -63,
};
