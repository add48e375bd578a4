/** NT-Xent in float64, written for reading, and the error bounds of a float32 kernel. Inputs are float32 values. */
import { type Accuracy, U } from '../accuracy.ts';
import { INFONCE_BOUNDS } from './infonce.ts';

export interface NtXentReference {
  loss: Float64Array;
  rank: Float64Array;
  dz: Float64Array;
  /** Error bounds of a float32 kernel, as derived in docs/numerics.md. */
  lossBound: Float64Array;
  dzBound: Float64Array;
}

/** What a row has as a query. */
interface Row {
  loss: number;
  lossBound: number;
  rank: number;
  /** Of each row: p as a key of this one. 0 for the row itself and its positive. */
  probabilities: Float64Array;
  /** 1 − p of the positive. */
  miss: number;
  missBound: number;
}

export function ntxentReference(
  z: Float32Array,
  rows: number,
  dim: number,
  temperature: number,
  gradientScale: number,
  accuracy: Accuracy,
): NtXentReference {
  const queries = Array.from({ length: rows }, (_, i) => rowOf(z, i, rows, dim, temperature, accuracy));
  const bounds = INFONCE_BOUNDS[accuracy.backend];
  // The logit; lse, of the positive's logit and the loss; their difference; and the exponential itself.
  const rounded = (2 * accuracy.dotBound(dim) + 6 * U) / temperature;
  const probabilityError = (i: number, p: number): number => {
    const { loss, lossBound } = queries[i]!;
    const x = Math.log(p);
    const exponent = rounded + lossBound + U * (loss + Math.abs(x));
    return Math.expm1(exponent) + bounds.exponentialError(x, 0) + U;
  };
  const additions = bounds.weightedSumError(rows);
  // Probabilities below 2^-126 count as 0.
  const flushed = rows * 2 ** -124;
  const scale = gradientScale / temperature;
  const dz = new Float64Array(rows * dim);
  const dzBound = new Float64Array(rows * dim);
  for (let i = 0; i < rows; i++) {
    const positive = positiveOf(i, rows);
    const sums = new Float64Array(dim);
    const sizes = new Float64Array(dim);
    for (let j = 0; j < rows; j++) {
      const [own, other] = [queries[i]!.probabilities[j]!, queries[j]!.probabilities[i]!];
      const weight = own + other;
      if (weight === 0) continue;
      const error =
        (own && own * probabilityError(i, own)) +
        (other && other * probabilityError(j, other)) +
        additions * weight;
      for (let c = 0; c < dim; c++) {
        const value = z[j * dim + c]!;
        sums[c]! += weight * value;
        sizes[c]! += error * Math.abs(value);
      }
    }
    const pull = queries[i]!.miss + queries[positive]!.miss;
    const pullBound = queries[i]!.missBound + queries[positive]!.missBound + 2 * U * pull;
    for (let c = 0; c < dim; c++) {
      const key = z[positive * dim + c]!;
      const value = sums[c]! - pull * key;
      // V and the pull round, and so does their difference, which is scaled.
      const rounding = 4 * U * (Math.abs(sums[c]!) + Math.abs(pull * key));
      dz[i * dim + c] = scale * value;
      dzBound[i * dim + c] =
        Math.abs(scale) * (sizes[c]! + pullBound * Math.abs(key) + rounding + flushed) + accuracy.smallest;
    }
  }
  return {
    loss: Float64Array.from(queries, ({ loss }) => loss),
    rank: Float64Array.from(queries, ({ rank }) => rank),
    dz,
    lossBound: Float64Array.from(queries, ({ lossBound }) => lossBound),
    dzBound,
  };
}

/** The other view of the same image. */
export function positiveOf(row: number, rows: number): number {
  return (row + rows / 2) % rows;
}

function rowOf(
  z: Float32Array,
  i: number,
  rows: number,
  dim: number,
  temperature: number,
  accuracy: Accuracy,
): Row {
  const positive = positiveOf(i, rows);
  const logits = new Float64Array(rows).fill(Number.NEGATIVE_INFINITY);
  let [rank, m] = [0, 0];
  for (let j = 0; j < rows; j++) {
    if (j === i || j === positive) continue;
    // Relative to the positive, as Σ q·(n − k): exactly 0 for a negative that equals the positive.
    let difference = 0;
    for (let c = 0; c < dim; c++) difference += z[i * dim + c]! * (z[j * dim + c]! - z[positive * dim + c]!);
    if (difference > 0) rank++;
    logits[j] = difference / temperature;
    m = Math.max(m, logits[j]!);
  }
  const bounds = INFONCE_BOUNDS[accuracy.backend];
  const logitError = (2 * accuracy.dotBound(dim) + 10 * U) / temperature;
  const weightError = (x: number): number => logitError + bounds.exponentialError(x, rows);
  const weights = logits.map((a) => Math.exp(a - m));
  const positiveWeight = Math.exp(-m);
  const negatives = weights.reduce((sum, w) => sum + w, 0);
  const total = positiveWeight + negatives;
  const loss = m === 0 ? Math.log1p(negatives) : m + Math.log(total);
  let sumError = bounds.sumError(rows) * negatives;
  for (const [j, w] of weights.entries()) if (w > 0) sumError += w * weightError(logits[j]! - m);
  // As of InfoNCE: where a negative has the largest logit, its error moves all of the loss.
  const moved = m === 0 ? sumError / total : logitError + sumError / total + 40 * U;
  const miss = negatives / total;
  return {
    loss,
    lossBound: moved + bounds.logError(loss) + rows * 2 ** -125,
    rank,
    probabilities: weights.map((w) => w / total),
    miss,
    missBound: (sumError / total) * (1 + miss) + miss * ((weightError(-m) * positiveWeight) / total + 8 * U),
  };
}
