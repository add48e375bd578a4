/** The kernels in float64, written for reading: what the tests compare with. Inputs are float32 values. */
import { type Accuracy, U } from './accuracy.ts';

export interface InfoNceReference {
  loss: Float64Array;
  dQuery: Float64Array;
  rank: Float64Array;
  /** Error bounds of a float32 kernel, as derived in docs/numerics.md. */
  lossBound: Float64Array;
  dQueryBound: Float64Array;
}

export function dot(a: Float32Array, i: number, b: Float32Array, j: number, dim: number): number {
  let sum = 0;
  for (let c = 0; c < dim; c++) sum += a[i * dim + c]! * b[j * dim + c]!;
  return sum;
}

export function infoNceReference(
  query: Float32Array,
  key: Float32Array,
  queue: Float32Array,
  rows: number,
  dim: number,
  queueSize: number,
  temperature: number,
  gradientScale: number,
  accuracy: Accuracy,
): InfoNceReference {
  const result: InfoNceReference = {
    loss: new Float64Array(rows),
    dQuery: new Float64Array(rows * dim),
    rank: new Float64Array(rows),
    lossBound: new Float64Array(rows),
    dQueryBound: new Float64Array(rows * dim),
  };
  const logitError = (2 * accuracy.dotBound(dim) + 10 * U) / temperature;
  const weightError = (x: number): number => logitError + accuracy.exponentialError(x, queueSize);
  // Weights below 2^-126 count as 0.
  const flushed = queueSize * 2 ** -125;
  for (let n = 0; n < rows; n++) {
    const logits = new Float64Array(queueSize);
    let m = 0;
    for (let j = 0; j < queueSize; j++) {
      // Relative to the positive, as Σ q·(n − k): exactly 0 for a negative that equals the positive.
      let difference = 0;
      for (let c = 0; c < dim; c++) {
        difference += query[n * dim + c]! * (queue[j * dim + c]! - key[n * dim + c]!);
      }
      if (difference > 0) result.rank[n]! += 1;
      logits[j] = difference / temperature;
      m = Math.max(m, logits[j]!);
    }
    const positiveWeight = Math.exp(-m);
    const weights = logits.map((a) => Math.exp(a - m));
    const negatives = weights.reduce((sum, w) => sum + w, 0);
    const total = positiveWeight + negatives;
    const loss = m === 0 ? Math.log1p(negatives) : m + Math.log(total);
    result.loss[n] = loss;
    // Of S: Σ wⱼ·eⱼ and its additions.
    const errors = weights.map((w, j) => w * weightError(logits[j]! - m));
    const sumError = errors.reduce((sum, e) => sum + e, 0) + accuracy.sumError(queueSize) * negatives;
    // d ln(1 + S) = dS / (1 + S). Where a negative has the largest logit, its error moves all of the loss.
    const moved = m === 0 ? sumError / total : logitError + sumError / total + 40 * U;
    result.lossBound[n] = moved + accuracy.logError(loss) + flushed;
    const additions = accuracy.weightedSumError(queueSize);
    for (let c = 0; c < dim; c++) {
      const own = key[n * dim + c]!;
      let sum = -negatives * own;
      let bound = (sumError + additions * negatives) * Math.abs(own);
      for (let j = 0; j < queueSize; j++) {
        const value = queue[j * dim + c]!;
        sum += weights[j]! * value;
        bound += (errors[j]! + additions * weights[j]!) * Math.abs(value);
      }
      bound += (sumError / total + weightError(-m) * (positiveWeight / total)) * Math.abs(sum);
      const scale = gradientScale / (temperature * total);
      result.dQuery[n * dim + c] = scale * sum;
      result.dQueryBound[n * dim + c] = Math.abs(scale) * (bound + flushed) + accuracy.smallest;
    }
  }
  return result;
}

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
  const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;
  const below = (limit: number): number => (100 * rank.filter((r) => r < limit).length) / rows;
  const spreads = columnSpreads(query, rows, dim);
  const spread = mean(spreads.map(({ deviation }) => deviation));
  return {
    summary: [mean([...loss]), below(1), below(5), spread],
    bound: [
      accuracy.meanError(rows) * mean([...loss].map(Math.abs)) + accuracy.smallest,
      accuracy.percentError * below(1),
      accuracy.percentError * below(5),
      mean(spreads.map((column) => accuracy.deviationError(column, rows))) +
        accuracy.meanError(dim) * spread +
        accuracy.smallest,
    ],
  };
}

/** The k best rows by exact dot product, ties by lower index. */
export function topKReference(
  queries: Float32Array,
  bank: Float32Array,
  q: number,
  m: number,
  dim: number,
  k: number,
): { indices: number[]; similarities: number[] } {
  const indices: number[] = [];
  const similarities: number[] = [];
  for (let r = 0; r < q; r++) {
    const all = Array.from({ length: m }, (_, j) => ({ j, s: dot(queries, r, bank, j, dim) }));
    all.sort((a, b) => b.s - a.s || a.j - b.j);
    for (const { j, s } of all.slice(0, k)) {
      indices.push(j);
      similarities.push(s);
    }
  }
  return { indices, similarities };
}
