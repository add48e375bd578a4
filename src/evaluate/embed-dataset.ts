/** A whole data set through the inference form of an encoder. */
import type { Embeddings } from '../encoder/embeddings.ts';
import type { ViewPool } from '../scheduler/view-pool.ts';

export interface DatasetEmbeddings {
  /** [length, featureDim] */
  readonly backbone: Float32Array;
  /** [length, dim], not normalized. */
  readonly head: Float32Array;
  /** Which image each row shows: its own, or the one that took a corrupt image's place. */
  readonly indices: Uint32Array;
}

/**
 * Embeds images 0 … length − 1. Batches run side by side; rows come in order whatever order they finish in.
 * @param embed takes images [n, 3, size, size], when a worker is free for them
 * @throws the error of a batch, once no other is under way
 */
export async function embedDataset(
  views: Pick<ViewPool, 'plain'>,
  embed: (images: () => Promise<Float32Array>) => Promise<Embeddings>,
  length: number,
  batch: number,
): Promise<DatasetEmbeddings> {
  const indices = new Uint32Array(length);
  let backbone: Float32Array | null = null;
  let head: Float32Array | null = null;
  const starts = Array.from({ length: Math.ceil(length / batch) }, (_, i) => i * batch);
  let failure: { readonly error: unknown } | null = null;
  const batches = starts.map(async (start) => {
    try {
      const rows = Math.min(batch, length - start);
      const { features, embedding } = await embed(async () => {
        if (failure) throw failure.error;
        const made = await views.plain(Uint32Array.from({ length: rows }, (_, row) => start + row));
        indices.set(made.indices, start);
        return made.images;
      });
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
  return { backbone: backbone ?? new Float32Array(), head: head ?? new Float32Array(), indices };
}
