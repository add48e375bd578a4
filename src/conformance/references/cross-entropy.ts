/** Cross-entropy in float64, and the error bounds of a float32 kernel. */
import { type Accuracy, type Bounds, U } from '../accuracy.ts';

interface CrossEntropyBounds {
  /** exp(x), x ≤ 0, its argument taken as exact. */
  exponentialError(x: number): number;
  /** The additions of S. */
  sumError(classes: number): number;
  /** Absolute: the largest logit less the label's, and the logarithm of the loss. */
  lossError(m: number, loss: number): number;
  /** The quotient and the product of a gradient. */
  readonly scaleError: number;
}

export const CROSS_ENTROPY_BOUNDS: Bounds<CrossEntropyBounds> = {
  wasm: {
    exponentialError: () => 2 * U,
    // In float64.
    sumError: () => 2 ** -30 * U,
    lossError: (_m, loss) => U * loss,
    scaleError: 3 * U,
  },
  webgpu: {
    exponentialError: (x) => 2 * U * (3 + 2 * Math.abs(x)),
    sumError: (classes) => (Math.ceil(classes / 64) + 7) * U,
    lossError: (m, loss) => U * m + 14 * U * loss + (loss > Math.LN2 ? 2 * U : 0),
    scaleError: 8 * U,
  },
};

export interface CrossEntropyReference {
  loss: Float64Array;
  rank: Float64Array;
  dLogits: Float64Array;
  /** As derived in docs/numerics.md. */
  lossBound: Float64Array;
  dLogitsBound: Float64Array;
}

export function crossEntropyReference(
  logits: Float32Array,
  labels: ArrayLike<number>,
  classes: number,
  gradientScale: number,
  accuracy: Accuracy,
): CrossEntropyReference {
  const bounds = CROSS_ENTROPY_BOUNDS[accuracy.backend];
  const rows = labels.length;
  const result: CrossEntropyReference = {
    loss: new Float64Array(rows),
    rank: new Float64Array(rows),
    dLogits: new Float64Array(rows * classes),
    lossBound: new Float64Array(rows),
    dLogitsBound: new Float64Array(rows * classes),
  };
  // Weights below 2^-126 count as 0.
  const flushed = classes * 2 ** -125;
  for (let r = 0; r < rows; r++) {
    const row = logits.subarray(r * classes, (r + 1) * classes);
    const label = labels[r]!;
    const own = row[label]!;
    const largest = row.reduce((most, x) => Math.max(most, x));
    const m = largest - own;
    const weights = Float64Array.from(row, (x) => Math.exp(x - largest));
    // The difference rounds, and the exponential does.
    const errors = weights.map((w, j) => {
      const x = row[j]! - largest;
      return w > 0 ? w * (U * Math.abs(x) + bounds.exponentialError(x)) : 0;
    });
    const others = (values: Float64Array) => values.reduce((sum, w, j) => (j === label ? sum : sum + w), 0);
    const negatives = others(weights);
    const total = weights[label]! + negatives;
    const loss = m === 0 ? Math.log1p(negatives) : m + Math.log(total);
    const sumError = others(errors) + bounds.sumError(classes) * negatives;
    const totalError = (sumError + errors[label]! + (m === 0 ? 0 : U * total)) / total;
    result.loss[r] = loss;
    result.lossBound[r] = (m === 0 ? sumError / total : totalError) + bounds.lossError(m, loss) + flushed;
    result.rank[r] = row.reduce((count, x) => count + (x > own ? 1 : 0), 0);
    for (let j = 0; j < classes; j++) {
      const [value, error] = j === label ? [-negatives, sumError] : [weights[j]!, errors[j]!];
      const scale = gradientScale / total;
      const relative = totalError + bounds.scaleError;
      result.dLogits[r * classes + j] = scale * value;
      result.dLogitsBound[r * classes + j] =
        Math.abs(scale) * (error + relative * Math.abs(value) + flushed) + accuracy.smallest;
    }
  }
  return result;
}
