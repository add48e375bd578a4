/**
 * Numbers that tell how rows lie in space, whatever classes they have. Float64 sums in a fixed order, own exp and log.
 * `alignment` and `uniformity` are meant for rows of unit length.
 */
import { exp, log } from '../math.ts';
import { eigenvalues } from './eigenvalues.ts';

/** Rows that are looked at: uniformity costs their square. */
const SAMPLE = 2048;

/** [at most 2048, dim] rows of x [rows, dim], evenly spaced, as images of a folder come sorted by class. */
export function sampleOf(x: Float32Array, dim: number): Float32Array {
  const rows = x.length / dim;
  const count = Math.min(rows, SAMPLE);
  const sample = new Float32Array(count * dim);
  for (let i = 0; i < count; i++) {
    const row = Math.floor((i * rows) / count);
    sample.set(x.subarray(row * dim, (row + 1) * dim), i * dim);
  }
  return sample;
}

/** The rows of x [rows, dim] at unit length; rows of zeros stay. */
export function unitRows(x: Float32Array, dim: number): Float32Array {
  const unit = new Float32Array(x.length);
  for (let start = 0; start < x.length; start += dim) {
    let square = 0;
    for (let c = start; c < start + dim; c++) square += x[c]! * x[c]!;
    const norm = Math.max(Math.sqrt(square), 1e-12);
    for (let c = start; c < start + dim; c++) unit[c] = x[c]! / norm;
  }
  return unit;
}

/** Mean ‖x‖² of the rows of x [rows, dim]. */
export function meanSquare(x: Float32Array, dim: number): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * x[i]!;
  return sum / (x.length / dim);
}

/** Mean ‖x − y‖² of the i-th rows of x and y [rows, dim]: how close positives are (Wang & Isola, arXiv:2005.10242, α = 2). */
export function alignment(x: Float32Array, y: Float32Array, dim: number): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) {
    const difference = x[i]! - y[i]!;
    sum += difference * difference;
  }
  return sum / (x.length / dim);
}

/**
 * log of the mean of exp(−2·‖xi − xj‖²) over pairs of rows of x [rows, dim] (Wang & Isola, arXiv:2005.10242, t = 2): 0 where
 * all rows are the same; for unit rows near −4 where they are spread evenly over many dimensions. −∞ for fewer than two rows.
 */
export function uniformity(x: Float32Array, dim: number): number {
  const rows = x.length / dim;
  const values = Float64Array.from(x);
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < i; j++) {
      let [even, odd] = [0, 0];
      let c = 0;
      for (; c + 1 < dim; c += 2) {
        const a = values[i * dim + c]! - values[j * dim + c]!;
        const b = values[i * dim + c + 1]! - values[j * dim + c + 1]!;
        even += a * a;
        odd += b * b;
      }
      const last = c < dim ? values[i * dim + c]! - values[j * dim + c]! : 0;
      sum += exp(-2 * (even + odd + last * last));
    }
  }
  return log(sum / Math.max(1, (rows * (rows - 1)) / 2));
}

/** Mean over columns of x [rows, dim] of their standard deviation (unbiased): 0 where an encoder has collapsed. */
export function columnDeviation(x: Float32Array, dim: number): number {
  const rows = x.length / dim;
  let total = 0;
  for (let c = 0; c < dim; c++) {
    let sum = 0;
    for (let r = 0; r < rows; r++) sum += x[r * dim + c]!;
    let squares = 0;
    for (let r = 0; r < rows; r++) {
      const difference = x[r * dim + c]! - sum / rows;
      squares += difference * difference;
    }
    total += Math.sqrt(squares / (rows - 1));
  }
  return total / dim;
}

/** Keeps the logarithm finite where a singular value is 0. */
const EPSILON = 1e-7;

/**
 * RankMe (Garrido et al., arXiv:2210.02574, equation (1)): how many dimensions the rows of x [rows, dim] take, between 1 and min(rows, dim), as
 * exp of the entropy of the singular values over their sum. Singular values are roots of the eigenvalues of the smaller of
 * xᵀx and xxᵀ: those below 1e-8 of the largest are not told from 0, which moves the result by less than 1e-3 of itself.
 */
export function rankMe(x: Float32Array, dim: number): number {
  const rows = x.length / dim;
  const singular = eigenvalues(gram(x, rows, dim), Math.min(rows, dim)).map((value) =>
    Math.sqrt(Math.max(0, value)),
  );
  const sum = singular.reduce((total, value) => total + value, 0);
  if (sum === 0) return 1;
  let entropy = 0;
  for (const value of singular) {
    const p = value / sum + EPSILON;
    entropy -= p * log(p);
  }
  return exp(entropy);
}

/** xᵀx [dim, dim], or xxᵀ [rows, rows] where that is smaller. */
function gram(x: Float32Array, rows: number, dim: number): Float64Array {
  const [size, length, along, across] = rows < dim ? [rows, dim, 1, dim] : [dim, rows, dim, 1];
  // Vectors of the product one after the other in memory.
  const vectors = new Float64Array(size * length);
  for (let i = 0; i < size; i++) {
    for (let n = 0; n < length; n++) vectors[i * length + n] = x[i * across + n * along]!;
  }
  const product = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let n = 0; n < length; n++) sum += vectors[i * length + n]! * vectors[j * length + n]!;
      product[i * size + j] = sum;
      product[j * size + i] = sum;
    }
  }
  return product;
}
