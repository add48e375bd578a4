import { MocoError } from '../errors.ts';
import { expectLength, expectNumber, expectWhole } from '../kernels/checks.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { exp } from '../math.ts';
import { defaultBlockRows, nearestRows } from './nearest.ts';

export interface Embeddings {
  /** [rows, dim]. */
  readonly features: Float32Array;
  /** [rows], whole numbers in [0, classes). */
  readonly labels: ArrayLike<number>;
  readonly rows: number;
}

export interface KnnOptions {
  readonly dim: number;
  readonly classes: number;
  /** Neighbors asked for (default 200); more than the bank has are lowered to what it has. */
  readonly k?: number;
  /** Temperature of the vote, > 0 (default 0.1). */
  readonly t?: number;
  /** Bring rows to unit length first (default true). Leave out only where they have it already. */
  readonly normalize?: boolean;
  /** Rows of the bank that are in kernel memory at once (default: what 32 MiB hold). Changes no result. */
  readonly blockRows?: number;
}

export interface KnnResult {
  /** Percent of queries whose class is predicted. */
  readonly top1: number;
  /** How many neighbors voted: k, or the size of the bank where that is smaller. */
  readonly k: number;
  readonly t: number;
  /** [queries] the class with the highest score; the lowest such class where several tie. */
  readonly predictions: Uint32Array;
  /**
   * [queries, classes] score[c] = Σ exp((similarity − best) / t) over the neighbors of class c, where best is the
   * similarity of the query's nearest neighbor: relative to its vote, which counts 1. Never overflows, however small t
   * is. Times exp(best / t), the sums of exp(similarity / t).
   */
  readonly scores: Float64Array;
  /** [queries, k] rows of the bank, nearest first; ties by lower row. */
  readonly neighbors: Uint32Array;
  /** [queries, k] the cosine similarities of `neighbors`; −∞ where it is not a number. */
  readonly similarities: Float32Array;
}

/**
 * Weighted k-nearest-neighbor classification, the monitor of InstDisc (Wu et al., arXiv:1805.01978, 3.4) and MoCo's
 * CIFAR-10 notebook: cosine similarities vote with weight exp(similarity / t).
 * @throws MocoError shape-mismatch, usage (t, k), data-invalid (a label out of range)
 */
export async function knnClassify(
  kernels: Kernels,
  bank: Embeddings,
  queries: Embeddings,
  options: KnnOptions,
): Promise<KnnResult> {
  return classify(kernels, bank, queries, options, false);
}

/**
 * The same for data without a test split: each row of the bank is classified by all the others. Its own row never votes.
 * @throws MocoError as knnClassify; data-invalid for fewer than two rows
 */
export async function knnLeaveOneOut(
  kernels: Kernels,
  bank: Embeddings,
  options: KnnOptions,
): Promise<KnnResult> {
  return classify(kernels, bank, bank, options, true);
}

async function classify(
  kernels: Kernels,
  bank: Embeddings,
  queries: Embeddings,
  options: KnnOptions,
  leaveOneOut: boolean,
): Promise<KnnResult> {
  const { dim, classes, t = 0.1, normalize = true } = options;
  expectWhole('dim', dim, 1);
  expectWhole('classes', classes, 1);
  expectNumber('t', t, t > 0, 'greater than 0');
  expectNumber(
    'k',
    options.k ?? 200,
    Number.isInteger(options.k ?? 200) && (options.k ?? 200) > 0,
    'a whole number of at least 1',
  );
  expectWhole('blockRows', options.blockRows ?? 1, 1);
  checkEmbeddings('bank', bank, dim, classes);
  checkEmbeddings('queries', queries, dim, classes);
  const available = bank.rows - (leaveOneOut ? 1 : 0);
  if (available < 1) {
    throw new MocoError(
      'data-invalid',
      `kNN needs ${leaveOneOut ? 'two images' : 'an image'} in its bank, not ${bank.rows}`,
    );
  }
  const k = Math.min(options.k ?? 200, available);
  const { neighbors, similarities } = await nearestRows(kernels, bank, queries, {
    ...{ dim, k, normalize, leaveOneOut },
    blockRows: options.blockRows ?? defaultBlockRows(dim),
  });
  const scores = new Float64Array(queries.rows * classes);
  for (let r = 0; r < queries.rows; r++) {
    const best = similarities[r * k]!;
    for (let j = r * k; j < (r + 1) * k; j++) {
      scores[r * classes + bank.labels[neighbors[j]!]!]! += vote(similarities[j]!, best, t);
    }
  }
  const predictions = new Uint32Array(queries.rows);
  let correct = 0;
  for (let r = 0; r < queries.rows; r++) {
    let best = 0;
    for (let c = 1; c < classes; c++) {
      if (scores[r * classes + c]! > scores[r * classes + best]!) best = c;
    }
    predictions[r] = best;
    if (best === queries.labels[r]) correct += 1;
  }
  return {
    top1: queries.rows ? (100 * correct) / queries.rows : Number.NaN,
    k,
    t,
    predictions,
    scores,
    neighbors,
    similarities,
  };
}

/** exp(similarity / t) relative to that of the nearest neighbor: at most 1, the same bits in every runtime. */
function vote(similarity: number, best: number, t: number): number {
  // Embeddings that are not numbers vote for nothing.
  if (similarity === Number.NEGATIVE_INFINITY) return 0;
  // Not by the difference: ∞ − ∞ is not a number.
  return similarity === best ? 1 : exp((similarity - best) / t);
}

function checkEmbeddings(name: string, embeddings: Embeddings, dim: number, classes: number): void {
  const { features, labels, rows } = embeddings;
  expectWhole(`the number of rows of ${name}`, rows, 0);
  expectLength(`${name}.features`, features.length, rows * dim, `[${rows}, ${dim}]`);
  expectLength(`${name}.labels`, labels.length, rows, `[${rows}]`);
  for (let r = 0; r < rows; r++) {
    const label = labels[r]!;
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      throw new MocoError(
        'data-invalid',
        `${name}.labels[${r}] is ${label}, but there are ${classes} classes`,
      );
    }
  }
}
