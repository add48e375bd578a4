/** Nearest rows, and rows that are alike: what `Index` of page/search-index.ts does, on this thread. */
import { shown } from '../arguments.ts';
import type { FeatureKind } from '../encoder/embeddings.ts';
import { MocoError } from '../errors.ts';
import { defaultBlockRows, nearestRows } from '../evaluate/nearest.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { openKernels } from '../kernels/open.ts';
import { chooseBackend } from '../runtime/backend.ts';
import { type PairsOptions, pairsAbove } from './duplicates.ts';
import { readIndex, writeIndex } from './index-file.ts';
import type { IndexOptions, NewIndexOptions } from './index-options.ts';
import { formatIndex, type IndexRows, rowsOf } from './index-rows.ts';
import type { PostableIndex } from './index-source.ts';
import type { RowsInput } from './rows-input.ts';
import { unitVector } from './unit-vectors.ts';

export interface Match {
  /** Of the row. */
  readonly index: number;
  /** Where rows have names. */
  readonly name?: string;
  /** Cosine of the angle, −1 … 1. */
  readonly similarity: number;
}

export interface DuplicatePair {
  /** The lower row first. */
  readonly indices: readonly [number, number];
  /** Where rows have names. */
  readonly names?: readonly [string, string];
  readonly similarity: number;
}

/** What is told of an index. */
export interface IndexFacts {
  readonly size: number;
  readonly dim: number;
  readonly encoder: string | null;
  readonly features: FeatureKind | null;
}

export class VectorIndex {
  readonly rows: IndexRows;
  readonly #kernels: Kernels;
  #disposed = false;
  /** Kernels serve one call at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(rows: IndexRows, kernels: Kernels) {
    this.rows = rows;
    this.#kernels = kernels;
  }

  static async from(rows: RowsInput, options: NewIndexOptions): Promise<VectorIndex> {
    return VectorIndex.#open(rowsOf(rows, options), options);
  }

  static async load(source: PostableIndex, options: IndexOptions): Promise<VectorIndex> {
    return VectorIndex.#open(await readIndex(source), options);
  }

  static async #open(rows: IndexRows, { backend = 'wasm', threads = 1 }: IndexOptions): Promise<VectorIndex> {
    const chosen = await chooseBackend(backend);
    return new VectorIndex(rows, await openKernels(chosen.backend, { threads }));
  }

  get facts(): IndexFacts {
    const { vectors, dim, encoder, features } = this.rows;
    return { size: vectors.length / dim, dim, encoder, features };
  }

  search(query: Float32Array, k: number): Promise<Match[]> {
    const { vectors, dim, names } = this.rows;
    const { size } = this.facts;
    return this.#inTurn(async () => {
      if (query.length !== dim) {
        const hint = 'were they made by the same encoder?';
        throw new MocoError(
          'shape-mismatch',
          `the query has ${query.length} values, rows have ${dim}: ${hint}`,
        );
      }
      if (!Number.isSafeInteger(k) || k < 1) {
        throw new MocoError('usage', `k is ${k}: give a whole number, 1 or more`);
      }
      const queries = { features: unitVector(query, 'the query'), rows: 1 };
      const blockRows = defaultBlockRows(dim);
      const most = Math.min(k, size);
      const options = { dim, k: most, normalize: false, leaveOneOut: false, blockRows };
      const bank = { features: vectors, rows: size };
      const { neighbors, similarities } = await nearestRows(this.#kernels, bank, queries, options);
      return Array.from(neighbors, (index, place) => ({
        index,
        ...(names && { name: names[index]! }),
        similarity: cosine(similarities[place]!),
      }));
    });
  }

  duplicates(threshold: number, options?: PairsOptions): Promise<DuplicatePair[]> {
    const { vectors, dim, names } = this.rows;
    return this.#inTurn(async () => {
      if (!(typeof threshold === 'number' && threshold >= -1 && threshold <= 1)) {
        throw new MocoError(
          'usage',
          `the threshold is ${shown(threshold)}: give a cosine similarity from −1 to 1`,
        );
      }
      const pairs = await pairsAbove(this.#kernels, vectors, dim, threshold, options);
      return pairs.map(({ first, second, similarity }) => ({
        indices: [first, second],
        ...(names && { names: [names[first]!, names[second]!] as const }),
        similarity: cosine(similarity),
      }));
    });
  }

  save(path: string): Promise<void> {
    return this.#inTurn(() => writeIndex(path, this.rows));
  }

  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#inTurn(async () => formatIndex(this.rows));
  }

  dispose(): Promise<void> {
    return this.#inTurn(async () => {
      this.#disposed = true;
      this.#kernels.dispose();
    }).catch(() => {});
  }

  #inTurn<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(() => {
      if (this.#disposed) throw new MocoError('usage', 'the index has been disposed of');
      return task();
    });
    this.#turn = result.catch(() => {});
    return result;
  }
}

/** Rounding may take the product of two unit rows a few 1e-7 beyond 1. */
const cosine = (product: number): number => Math.max(-1, Math.min(1, product));
