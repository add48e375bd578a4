/** A whole data set through the inference form of an encoder. */
import type { Embeddings } from '../encoder/embeddings.ts';
import { MocoError } from '../errors.ts';
import type { ViewPool } from '../scheduler/view-pool.ts';

export interface DatasetEmbeddings {
  /** [length, featureDim] */
  readonly backbone: Float32Array;
  /** [length, dim], not normalized. */
  readonly head: Float32Array;
  /** Which image each row shows: its own, or the one that took a corrupt image's place. */
  readonly indices: Uint32Array;
}

/** The ranks of a run, each of which embeds some of the batches. */
export interface BatchShare {
  readonly rank: number;
  readonly size: number;
  /** all [size · own.length] ← what each rank has, in their order. */
  gather(
    own: Float32Array<SharedArrayBuffer>,
    all: Float32Array<SharedArrayBuffer>,
    what: string,
  ): Promise<void>;
}

/**
 * Embeds images 0 … length − 1. Batches run side by side; rows come in order whatever order they finish in.
 * @param embed takes images [n, 3, size, size], when a worker is free for them
 * @param share who else embeds the same: every rank gets all rows
 * @throws the error of a batch, once no other is under way; MocoError features-not-finite
 */
export async function embedDataset(
  views: Pick<ViewPool, 'plain'>,
  embed: (images: () => Promise<Float32Array>) => Promise<Embeddings>,
  length: number,
  batch: number,
  share?: BatchShare,
): Promise<DatasetEmbeddings> {
  const indices = new Uint32Array(length);
  let backbone: Float32Array | null = null;
  let head: Float32Array | null = null;
  const starts = Array.from({ length: Math.ceil(length / batch) }, (_, i) => i * batch);
  let failure: { readonly error: unknown } | null = null;
  // A rank without a batch would not know how long rows are.
  const ranks = share && share.size > 1 && starts.length >= share.size ? share : null;
  const own = ranks ? starts.filter((_, i) => i % ranks.size === ranks.rank) : starts;
  const batches = own.map(async (start) => {
    try {
      const rows = Math.min(batch, length - start);
      const { features, embedding } = await embed(async () => {
        if (failure) throw failure.error;
        const made = await views.plain(Uint32Array.from({ length: rows }, (_, row) => start + row));
        indices.set(made.indices, start);
        return made.images;
      });
      const shown = indices.subarray(start, start + rows);
      requireFinite(features, shown);
      requireFinite(embedding, shown);
      backbone ??= new Float32Array((features.length / rows) * length);
      head ??= new Float32Array((embedding.length / rows) * length);
      backbone.set(features, (features.length / rows) * start);
      head.set(embedding, (embedding.length / rows) * start);
    } catch (error) {
      failure ??= { error };
      throw error;
    }
  });
  // Whoever calls may end the workers, or put the encoders to other work.
  await Promise.allSettled(batches);
  await Promise.all(batches);
  const embeddings = {
    backbone: backbone ?? new Float32Array(),
    head: head ?? new Float32Array(),
    indices,
  };
  if (ranks) await gatherBatches(embeddings, length, batch, ranks);
  return embeddings;
}

/** Rows of all ranks, in the place of those that this one has not made. */
async function gatherBatches(
  { backbone, head, indices }: DatasetEmbeddings,
  length: number,
  batch: number,
  ranks: BatchShare,
): Promise<void> {
  const columns = [backbone, head, new Float32Array(indices.buffer)];
  const rounds = Math.ceil(Math.ceil(length / batch) / ranks.size);
  for (const column of columns) {
    const width = (column.length / length) * batch;
    const own = new Float32Array(new SharedArrayBuffer(4 * rounds * width));
    const all = new Float32Array(new SharedArrayBuffer(ranks.size * own.byteLength));
    const rowsOf = (rank: number, round: number) => {
      const first = (round * ranks.size + rank) * width;
      return column.subarray(first, Math.min(first + width, column.length));
    };
    for (let round = 0; round < rounds; round++) own.set(rowsOf(ranks.rank, round), round * width);
    await ranks.gather(own, all, 'embeddings');
    for (let rank = 0; rank < ranks.size; rank++) {
      for (let round = 0; round < rounds; round++) {
        const rows = rowsOf(rank, round);
        const first = rank * own.length + round * width;
        rows.set(all.subarray(first, first + rows.length));
      }
    }
  }
}

/** Numbers that come from NaN look like others: a vote for the first class, a row that is near to none. */
function requireFinite(values: Float32Array, images: Uint32Array): void {
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  const image = images[Math.floor(bad / (values.length / images.length))];
  throw new MocoError(
    'features-not-finite',
    `the encoder gives ${values[bad]} for image ${image}, which can be read: its weights have gone wrong. ` +
      'Take an earlier checkpoint, or train anew with a lower learning rate',
  );
}
