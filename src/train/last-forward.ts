/** What a run ends with has to be of use: finite weights may still be so large that the encoder gives no number for any image. */
import type { Embeddings } from '../encoder/embeddings.ts';
import { STREAMS } from '../random.ts';
import type { Session } from './session.ts';

/** As many images as tell. */
const IMAGES = 8;

/**
 * What is wrong with the encoder as it is now, in its inference form, in words; null where nothing is, or where it cannot be
 * tried: whether a run has succeeded does not hang on a measurement.
 * @param images of the data, of which the first are looked at
 */
export async function lastForward(
  { trainer, views }: Session,
  epoch: number,
  images: Uint32Array,
): Promise<string | null> {
  try {
    await trainer.prepareEmbedding();
    const few = images.subarray(0, IMAGES);
    const made = async () => (await views.views(epoch, few, STREAMS.firstView)).images;
    return judge(await trainer.embed(made), few.length);
  } catch {
    return null;
  }
}

function judge({ embedding, features }: Embeddings, rows: number): string | null {
  for (const [what, values] of Object.entries({ features, embedding })) {
    const width = values.length / rows;
    for (let row = 0; row < rows; row++) {
      // Whoever compares rows brings them to unit length first, in float32.
      const squares = values.subarray(row * width, (row + 1) * width).reduce((sum, x) => sum + x * x, 0);
      if (!Number.isFinite(Math.fround(squares)))
        return `the encoder's ${what} of an image are NaN, infinite or beyond any measure`;
    }
  }
  return null;
}
