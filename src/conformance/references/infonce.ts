/** InfoNCE in float64, written for reading, and the error bounds of a float32 kernel. Inputs are float32 values. */
import { splitQueue } from '../../kernels/row-tiles.ts';
import { type Accuracy, type Bounds, U } from '../accuracy.ts';

interface InfoNceBounds {
  /** A weight exp(x), x ≤ 0, with the rescaling that it goes through, its argument taken as exact. */
  exponentialError(x: number, queueSize: number): number;
  /** The additions of S. */
  sumError(queueSize: number): number;
  /** The additions and rescalings of V, of the sum of absolute values. */
  weightedSumError(queueSize: number): number;
  /** Absolute: the logarithm of the loss. */
  logError(loss: number): number;
}

/** Tiles of 32 rows in one split of the queue, and splits. */
function tilesAndSplits(queueSize: number): [number, number] {
  const { splits, splitRows } = splitQueue(queueSize);
  return [splitRows / 32, splits];
}

export const INFONCE_BOUNDS: Bounds<InfoNceBounds> = {
  wasm: {
    exponentialError: () => 4 * U,
    sumError: () => 40 * U,
    weightedSumError: (queueSize) => (32 + queueSize / 8 + 8) * U,
    logError: (loss) => U * loss,
  },
  webgpu: {
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
  },
};

export interface InfoNceReference {
  loss: Float64Array;
  dQuery: Float64Array;
  rank: Float64Array;
  /** Error bounds of a float32 kernel, as derived in docs/numerics.md. */
  lossBound: Float64Array;
  dQueryBound: Float64Array;
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
  const bounds = INFONCE_BOUNDS[accuracy.backend];
  const logitError = (2 * accuracy.dotBound(dim) + 10 * U) / temperature;
  const weightError = (x: number): number => logitError + bounds.exponentialError(x, queueSize);
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
    const sumError = errors.reduce((sum, e) => sum + e, 0) + bounds.sumError(queueSize) * negatives;
    // d ln(1 + S) = dS / (1 + S). Where a negative has the largest logit, its error moves all of the loss.
    const moved = m === 0 ? sumError / total : logitError + sumError / total + 40 * U;
    result.lossBound[n] = moved + bounds.logError(loss) + flushed;
    const additions = bounds.weightedSumError(queueSize);
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
