// Types of whoever uses the package: `await using` needs them.
/// <reference lib="esnext.disposable" preserve="true" />
/** A search index, as everybody calls it: on a page's own thread a worker of its own does it, as in jobs.ts. */
import { expectArgument, expectOptions, instance, text, whole } from '../arguments.ts';
import type { FeatureKind } from '../encoder/embeddings.ts';
import { isPageThread } from '../runtime/detect.ts';
import type { Remote } from '../scheduler/worker-client.ts';
import {
  INDEX_OPTIONS,
  type IndexOptions,
  NEW_INDEX_OPTIONS,
  type NewIndexOptions,
} from '../search/index-options.ts';
import { type IndexSource, postableIndex } from '../search/index-source.ts';
import { joined, ROWS, type RowsInput } from '../search/rows-input.ts';
import type { DuplicatePair, IndexFacts, Match, VectorIndex } from '../search/vector-index.ts';
import type { JobWorker } from './job-worker.ts';
import type { Parcel } from './parcel.ts';
import { endSoon, packFor, startJob } from './start-job.ts';

/** What does the work. */
type Host = Pick<VectorIndex, 'facts' | 'search' | 'duplicates' | 'save' | 'bytes' | 'dispose'>;

/**
 * Rows by nearness: exact search among rows of unit length, of an `Encoder` or of anything else.
 *
 * ```ts
 * await using index = await Index.from(await encoder.embed(paths), { names: paths });
 * for (const { name, similarity } of await index.search(await encoder.embed('cat.jpg'), 5)) console.log(similarity, name);
 * ```
 */
export class Index implements AsyncDisposable {
  readonly #host: Host;

  private constructor(host: Host) {
    this.#host = host;
  }

  /**
   * @param rows of equal length, brought to unit length; they are copied
   * @throws MocoError usage (no rows, or not as many names), shape-mismatch (rows differ in length), data-invalid (a value is
   * not finite), backend-unavailable, worker-died
   */
  static async from(rows: RowsInput, options: NewIndexOptions = {}): Promise<Index> {
    expectArgument('Index.from', 'rows', rows, ROWS);
    expectOptions('Index.from', options, NEW_INDEX_OPTIONS);
    if (!isPageThread()) {
      const here = await import('../search/vector-index.ts');
      return new Index(await here.VectorIndex.from(rows, options));
    }
    const given = { rows: joined(rows), options };
    return new Index(await inWorker(given, (remote, parcel) => remote.openIndex(parcel)));
  }

  /**
   * What `save` wrote, or `moco-web embed --out FILE.safetensors`.
   * @param source a path (in a page, of its origin private file system), a URL, a File or Blob, or bytes
   * @throws MocoError data-missing, data-invalid (no index, or altered), as `from`
   */
  static async load(source: IndexSource, options: IndexOptions = {}): Promise<Index> {
    expectOptions('Index.load', options, INDEX_OPTIONS);
    const posted = postableIndex(source);
    if (!isPageThread()) {
      const here = await import('../search/vector-index.ts');
      return new Index(await here.VectorIndex.load(posted, options));
    }
    const given = { source: posted, options };
    return new Index(await inWorker(given, (remote, parcel) => remote.loadIndex(parcel)));
  }

  /** How many rows it has. */
  get size(): number {
    return this.#host.facts.size;
  }

  /** Length of a row. */
  get dim(): number {
    return this.#host.facts.dim;
  }

  /** The encoder that gave the rows, as `from` was told; null where it was not. */
  get encoder(): string | null {
    return this.#host.facts.encoder;
  }

  /** Which features of it, as `from` was told. */
  get features(): FeatureKind | null {
    return this.#host.facts.features;
  }

  /**
   * The rows nearest to a query, nearest first, ties by lower row.
   * @param query [dim], of any length above 0
   * @param k how many, 1 or more; no more are given than there are rows
   * @throws MocoError shape-mismatch (the query is of another encoder), usage, data-invalid (a value is not finite)
   */
  async search(query: Float32Array, k = 10): Promise<Match[]> {
    expectArgument('Index.search', 'query', query, instance('a Float32Array', 'Float32Array'));
    expectArgument('Index.search', 'k', k, whole(1));
    return this.#host.search(query, k);
  }

  /**
   * All pairs of rows that are alike, each once, the most alike first. Rounding may leave equal rows a few 1e-7 short of 1.
   * @param threshold least cosine similarity, −1 … 1
   * @throws MocoError usage (out of range, or more than a million pairs), out-of-memory
   */
  duplicates(threshold = 0.95): Promise<DuplicatePair[]> {
    return this.#host.duplicates(threshold);
  }

  /**
   * Writes a safetensors file: `embeddings` [size, dim], names and encoder in its metadata.
   * @param path of the file; in a page, of its origin private file system
   * @throws MocoError write-failed, usage
   */
  async save(path: string): Promise<void> {
    expectArgument('Index.save', 'path', path, text('the path of a file'));
    return this.#host.save(path);
  }

  /** The bytes of such a file, for a download, say. */
  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#host.bytes();
  }

  /** Gives its memory back. Again: does nothing. */
  async dispose(): Promise<void> {
    await this.#host.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

async function inWorker<Given>(
  given: Given,
  open: (remote: Remote<JobWorker>, parcel: Parcel<Given>) => Promise<IndexFacts>,
): Promise<Host> {
  const worker = await startJob();
  try {
    const parcel = await packFor(worker, given);
    const facts = await worker.call((remote) => open(remote, parcel));
    return {
      facts,
      search: (query, k) => worker.call((remote) => remote.search(query.slice(), k)),
      duplicates: (threshold) => worker.call((remote) => remote.duplicates(threshold)),
      save: (path) => worker.call((remote) => remote.saveIndex(path)),
      bytes: () => worker.call((remote) => remote.indexBytes()),
      async dispose() {
        await worker.call((remote) => remote.close()).catch(() => {});
        endSoon(worker);
      },
    };
  } catch (error) {
    endSoon(worker);
    throw error;
  }
}
