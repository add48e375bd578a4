/** The summary of a step in float64, and the error bounds of a float32 kernel. */
import { type Accuracy, type Bounds, U } from '../accuracy.ts';

interface SummaryBounds {
  /** A mean of float32 over the batch or the columns, of the mean of absolute values. */
  meanError(count: number): number;
  /** 100·count/rows. */
  readonly percentError: number;
  /** Absolute: the standard deviation of a column. */
  deviationError(column: { deviation: number; distance: number; largest: number }, rows: number): number;
}

export const SUMMARY_BOUNDS: Bounds<SummaryBounds> = {
  wasm: {
    // Float64 sums of at most 2^20 numbers, rounded once.
    meanError: () => U * (1 + 2 ** -8),
    percentError: U * (1 + 2 ** -8),
    deviationError: ({ largest }) => 2 ** -30 * U * largest,
  },
  webgpu: {
    meanError: (count) => (Math.ceil(count / 256) + 14) * U,
    percentError: 7 * U,
    deviationError: ({ deviation, distance, largest }, rows) =>
      (rows + 6) * U * distance + 6 * U * largest + ((rows + 5) / 2 + 10) * U * deviation + 2 ** -63,
  },
};

/**
 * How far unit embeddings spread: the mean over dimensions of the standard deviation over the batch. About 1/√dim when
 * they cover the sphere evenly, 0 when they have collapsed to one point (the measure of SimSiam, arXiv:2011.10566, 4.1).
 * The deviation is of the batch as it is (divided by rows, not rows − 1), so one row gives 0.
 */
export function embeddingSpread(embeddings: Float32Array, rows: number, dim: number): number {
  return columnSpreads(embeddings, rows, dim).reduce((sum, { deviation }) => sum + deviation, 0) / dim;
}

/** Of each column: standard deviation, mean distance to the first row, largest value. */
export function columnSpreads(
  embeddings: Float32Array,
  rows: number,
  dim: number,
): { deviation: number; distance: number; largest: number }[] {
  return Array.from({ length: dim }, (_, c) => {
    const column = Array.from({ length: rows }, (_, r) => embeddings[r * dim + c]!);
    const mean = column.reduce((sum, x) => sum + x, 0) / rows;
    const variance = column.reduce((sum, x) => sum + (x - mean) ** 2, 0) / rows;
    return {
      deviation: Math.sqrt(variance),
      distance: column.reduce((sum, x) => sum + Math.abs(x - column[0]!), 0) / rows,
      largest: Math.max(...column.map(Math.abs)),
    };
  });
}

/** The summary of a step but for its gate, and the error bounds of docs/numerics.md. */
export function summaryReference(
  loss: Float32Array,
  rank: Float32Array,
  query: Float32Array,
  rows: number,
  dim: number,
  accuracy: Accuracy,
): { summary: number[]; bound: number[] } {
  const bounds = SUMMARY_BOUNDS[accuracy.backend];
  const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;
  const below = (limit: number): number => (100 * rank.filter((r) => r < limit).length) / rows;
  const spreads = columnSpreads(query, rows, dim);
  const spread = mean(spreads.map(({ deviation }) => deviation));
  return {
    summary: [mean([...loss]), below(1), below(5), spread],
    bound: [
      bounds.meanError(rows) * mean([...loss].map(Math.abs)) + accuracy.smallest,
      bounds.percentError * below(1),
      bounds.percentError * below(5),
      mean(spreads.map((column) => bounds.deviationError(column, rows))) +
        bounds.meanError(dim) * spread +
        accuracy.smallest,
    ],
  };
}
