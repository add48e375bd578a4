/** The nearest rows of a bank that need not be in kernel memory as a whole. */
import type { DeviceArray } from '../kernels/device-array.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { TopK } from '../kernels/topk.ts';

export interface NearestOptions {
  readonly dim: number;
  /** How many to find for each query; at most what the bank has, without the query's own row where that is left out. */
  readonly k: number;
  /** Bring rows to unit length first. */
  readonly normalize: boolean;
  /** Query i is row i of the bank, and not its own neighbor. */
  readonly leaveOneOut: boolean;
  /** Rows of the bank that are in kernel memory at once. Changes no result. */
  readonly blockRows: number;
}

export interface Rows {
  /** [rows, dim] */
  readonly features: Float32Array;
  readonly rows: number;
}

export interface Nearest {
  /** [queries, k] rows of the bank, nearest first; ties by lower row. */
  readonly neighbors: Uint32Array;
  /** [queries, k] their dot products; −∞ where one is not a number. */
  readonly similarities: Float32Array;
}

/** Queries per call of the kernel: bounds its scratch. */
const QUERIES = 1024;
const BLOCK_BYTES = 32 * 2 ** 20;

/** How many rows a block of the bank has where nobody says. */
export function defaultBlockRows(dim: number): number {
  return Math.max(1, Math.floor(BLOCK_BYTES / (4 * dim)));
}

/** @throws MocoError out-of-memory where a block of the bank, or some queries, do not fit; device-lost */
export async function nearestRows(
  kernels: Kernels,
  bank: Rows,
  queries: Rows,
  options: NearestOptions,
): Promise<Nearest> {
  const { dim, k, leaveOneOut, blockRows } = options;
  const found = new BestSoFar(queries.rows, k);
  for (let start = 0; start < bank.rows; start += blockRows) {
    const m = Math.min(blockRows, bank.rows - start);
    // One more, so that k are left when the query's own row is among them.
    const wanted = Math.min(leaveOneOut ? k + 1 : k, m);
    const block = upload(kernels, bank, start, m, options);
    try {
      for (let first = 0; first < queries.rows; first += QUERIES) {
        const rows = Math.min(QUERIES, queries.rows - first);
        const array = upload(kernels, queries, first, rows, options);
        let best: TopK;
        try {
          best = await kernels.topk({ queries: array, bank: block, rows, bankRows: m, dim, k: wanted });
        } finally {
          kernels.free(array);
        }
        for (let r = 0; r < rows; r++) {
          const own = leaveOneOut ? first + r : -1;
          found.add(first + r, best, r * wanted, wanted, start, own);
        }
      }
    } finally {
      kernels.free(block);
    }
  }
  return found;
}

/** Rows first … first + count − 1, in kernel memory. */
function upload(
  kernels: Kernels,
  { features }: Rows,
  first: number,
  count: number,
  { dim, normalize }: NearestOptions,
): DeviceArray {
  const array = kernels.allocate(count * dim);
  try {
    kernels.write(array, features.subarray(first * dim, (first + count) * dim));
    if (normalize) {
      const norm = kernels.allocate(count);
      kernels.l2norm({ x: array, y: array, norm, rows: count, dim });
      kernels.free(norm);
    }
    return array;
  } catch (error) {
    kernels.free(array);
    throw error;
  }
}

/** The k best rows of each query among the blocks so far. */
class BestSoFar implements Nearest {
  readonly neighbors: Uint32Array;
  readonly similarities: Float32Array;
  readonly #k: number;
  /** [queries] how many there are. */
  readonly #counts: Uint32Array;
  readonly #rows: Uint32Array;
  readonly #values: Float32Array;

  constructor(queries: number, k: number) {
    this.neighbors = new Uint32Array(queries * k);
    this.similarities = new Float32Array(queries * k);
    this.#k = k;
    this.#counts = new Uint32Array(queries);
    this.#rows = new Uint32Array(k);
    this.#values = new Float32Array(k);
  }

  /**
   * Merges in what a later block has for a query: `count` places of `block` from `at`, best first.
   * @param start the block's first row in the bank
   * @param own the row of the bank to leave out; −1: none
   */
  add(query: number, block: TopK, at: number, count: number, start: number, own: number): void {
    const { neighbors, similarities } = this;
    const offset = query * this.#k;
    const had = this.#counts[query]!;
    let merged = 0;
    for (let a = 0, b = 0; merged < this.#k; ) {
      if (b < count && start + block.indices[at + b]! === own) b++;
      // Rows of earlier blocks are lower: they win ties.
      if (a < had && (b >= count || similarities[offset + a]! >= block.similarities[at + b]!)) {
        this.#rows[merged] = neighbors[offset + a]!;
        this.#values[merged++] = similarities[offset + a++]!;
      } else if (b < count) {
        this.#rows[merged] = start + block.indices[at + b]!;
        this.#values[merged++] = block.similarities[at + b++]!;
      } else {
        break;
      }
    }
    neighbors.set(this.#rows.subarray(0, merged), offset);
    similarities.set(this.#values.subarray(0, merged), offset);
    this.#counts[query] = merged;
  }
}
