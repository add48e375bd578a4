/** All pairs of rows that are alike, by the exact top-k kernel, block by block. */
import { MocoError } from '../errors.ts';
import { defaultBlockRows } from '../evaluate/nearest.ts';
import type { DeviceArray } from '../kernels/device-array.ts';
import type { Kernels } from '../kernels/kernels.ts';

/** Rows `first` < `second`, and the cosine of their angle. */
export interface Pair {
  readonly first: number;
  readonly second: number;
  readonly similarity: number;
}

export interface PairsOptions {
  /** Rows that are compared with each other at once; changes no result. */
  readonly blockRows?: number;
  /** More are refused. */
  readonly most?: number;
}

/** How many like rows of a block are asked for at first: a row that has more is asked about again. */
const FEW = 8;
/** Places that the kernel finds in one call: bounds memory where rows have many that are like them. */
const PLACES = 2 ** 22;
/** A million is more than anybody looks at. */
const MOST = 1_000_000;

/**
 * @param vectors [rows, dim] of unit length
 * @returns pairs with a similarity of at least `threshold`, each once, the most alike first
 * @throws MocoError usage for more pairs than `most`, out-of-memory
 */
export async function pairsAbove(
  kernels: Kernels,
  vectors: Float32Array,
  dim: number,
  threshold: number,
  { blockRows = Math.min(4096, defaultBlockRows(dim)), most = MOST }: PairsOptions = {},
): Promise<Pair[]> {
  const size = vectors.length / dim;
  const pairs: Pair[] = [];
  const upload = (first: number, count: number): DeviceArray => {
    const array = kernels.allocate(count * dim);
    kernels.write(array, vectors.subarray(first * dim, (first + count) * dim));
    return array;
  };

  /** Takes what rows of the queries' block have in a block of the bank. Each pair is seen from its lower row. */
  async function compare(
    rows: readonly number[],
    bank: DeviceArray,
    start: number,
    count: number,
    k: number,
  ) {
    const more: number[] = [];
    const atOnce = Math.max(1, Math.floor(PLACES / k));
    for (let from = 0; from < rows.length; from += atOnce) {
      const some = rows.slice(from, from + atOnce);
      const queries = kernels.allocate(some.length * dim);
      try {
        const values = new Float32Array(some.length * dim);
        for (const [i, row] of some.entries())
          values.set(vectors.subarray(row * dim, (row + 1) * dim), i * dim);
        kernels.write(queries, values);
        const found = await kernels.topk({ queries, bank, rows: some.length, bankRows: count, dim, k });
        for (const [i, row] of some.entries()) {
          // All k are alike: there may be others.
          if (k < count && found.similarities[i * k + k - 1]! >= threshold) more.push(row);
          else take(row, start, found.indices, found.similarities, i * k, k);
        }
      } finally {
        kernels.free(queries);
      }
    }
    if (more.length > 0) await compare(more, bank, start, count, Math.min(count, 8 * k));
  }

  function take(
    row: number,
    start: number,
    indices: Uint32Array,
    values: Float32Array,
    at: number,
    k: number,
  ) {
    for (let place = at; place < at + k && values[place]! >= threshold; place++) {
      const second = start + indices[place]!;
      if (second <= row) continue;
      if (pairs.length === most) {
        throw new MocoError(
          'usage',
          `more than ${most} pairs have a similarity of ${threshold}: raise the threshold`,
        );
      }
      pairs.push({ first: row, second, similarity: values[place]! });
    }
  }

  for (let start = 0; start < size; start += blockRows) {
    const count = Math.min(blockRows, size - start);
    const bank = upload(start, count);
    try {
      for (let first = 0; first <= start; first += blockRows) {
        const rows = Array.from({ length: Math.min(blockRows, size - first) }, (_, i) => first + i);
        await compare(rows, bank, start, count, Math.min(FEW, count));
      }
    } finally {
      kernels.free(bank);
    }
  }
  return pairs.sort((a, b) => b.similarity - a.similarity || a.first - b.first || a.second - b.second);
}
