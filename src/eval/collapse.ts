import { expectLength, expectWhole } from '../kernels/checks.ts';

/**
 * How far unit embeddings spread: the mean over dimensions of the standard deviation over the batch. About 1/√dim when
 * they cover the sphere evenly, 0 when they have collapsed to one point (the measure of SimSiam, arXiv:2011.10566, 4.1).
 * The deviation is of the batch as it is (divided by rows, not rows − 1), so one row gives 0.
 * @param embeddings [rows, dim] unit rows
 * @throws MocoError shape-mismatch
 */
export function embeddingSpread(embeddings: Float32Array, rows: number, dim: number): number {
  expectWhole('rows', rows, 1);
  expectWhole('dim', dim, 1);
  expectLength('embeddings', embeddings.length, rows * dim, `[${rows}, ${dim}]`);
  let spread = 0;
  for (let c = 0; c < dim; c++) {
    let mean = 0;
    for (let r = 0; r < rows; r++) mean += embeddings[r * dim + c]!;
    mean /= rows;
    let variance = 0;
    for (let r = 0; r < rows; r++) variance += (embeddings[r * dim + c]! - mean) ** 2;
    spread += Math.sqrt(variance / rows);
  }
  return spread / dim;
}
