/**
 * What a run shows of itself every some steps, for live views: the pairs as the encoders see them, and where some images
 * lie by now. It is made of what the run has anyway, and changes no bit of it.
 */
import { pixelsOf } from '../data/augment/normalize.ts';
import { recipeNamed, recipeNameOf } from '../data/augment/recipes.ts';
import type { RgbImage } from '../data/image.ts';
import { MocoError } from '../errors.ts';
import { methodNamed } from '../methods/registry.ts';
import { embeddingBatch } from '../models/choose-network.ts';
import { STREAMS } from '../random.ts';
import type { Settings } from '../settings/settings.ts';
import type { WatchEvent, WatchedPair, WatchedSample } from './events.ts';
import type { Session } from './session.ts';
import type { WatchOptions } from './watch-options.ts';

const PAIRS = 4;
const SAMPLE = 256;

/** @throws MocoError usage */
export function checkWatch({ every, pairs = PAIRS, sample = SAMPLE }: WatchOptions, images: number): void {
  const counts = [every, pairs, ...(typeof sample === 'number' ? [sample] : [])];
  if (!counts.every((count) => Number.isInteger(count) && count >= 0) || every < 1) {
    throw new MocoError(
      'usage',
      `watch: every ${every}, pairs ${pairs}, sample ${String(sample)} have to be whole numbers`,
    );
  }
  const wrong =
    typeof sample === 'number'
      ? undefined
      : sample.find((i) => !(Number.isInteger(i) && i >= 0 && i < images));
  if (wrong !== undefined)
    throw new MocoError('usage', `watch: there is no image ${wrong}: the data holds ${images}`);
}

/** Whether a step is shown. */
export const isWatched = (watch: WatchOptions | undefined, step: number): boolean =>
  watch !== undefined && step % watch.every === 0;

/** Where a run is. */
export interface Watched {
  readonly config: Settings;
  /** How many training images there are. */
  readonly images: number;
  /** Steps done. */
  readonly step: number;
  /** What the last step took, or, before the first, what it will take: of which epoch, which images. */
  readonly batch: { readonly epoch: number; readonly images: Uint32Array };
}

/** @throws as ViewPool and GroupEncoders do */
export async function watchRun(session: Session, watch: WatchOptions, at: Watched): Promise<WatchEvent> {
  const { pairs = PAIRS, sample = SAMPLE } = watch;
  const shown = methodNamed(at.config.method).positives ? pairs : 0;
  return {
    type: 'watch',
    step: at.step,
    pairs: await pairsOf(session, at, at.batch.images.slice(0, shown)),
    sample: await sampleOf(session, at, imagesOf(sample, at.images)),
  };
}

/** A view is a function of seed, epoch, image and stream: made again, it is what the encoders were given. */
async function pairsOf(
  { views }: Session,
  { config, batch }: Watched,
  images: Uint32Array,
): Promise<WatchedPair[]> {
  if (images.length === 0) return [];
  const [query, key] = await Promise.all(
    [STREAMS.firstView, STREAMS.secondView].map(async (stream) => {
      const made = await views.views(batch.epoch, images, stream);
      return { pixels: unnormalized(made.images, config), indices: made.indices };
    }),
  );
  return Array.from(query!.indices, (image, row) => ({
    image,
    query: query!.pixels[row]!,
    key: key!.pixels[row]!,
  }));
}

function unnormalized(views: Float32Array, settings: Settings): RgbImage[] {
  const { imageSize } = settings;
  const length = 3 * imageSize * imageSize;
  const recipe = recipeNamed(recipeNameOf(settings));
  return Array.from({ length: views.length / length }, (_, row) =>
    pixelsOf(views.subarray(row * length, (row + 1) * length), imageSize, imageSize, recipe),
  );
}

async function sampleOf(
  { views, trainer }: Session,
  { config }: Watched,
  images: Uint32Array,
): Promise<WatchedSample | null> {
  if (images.length === 0) return null;
  await trainer.prepareEmbedding();
  const batch = embeddingBatch(config.imageSize);
  const starts = Array.from({ length: Math.ceil(images.length / batch) }, (_, i) => i * batch);
  const parts = starts.map(async (start) => {
    let shown = new Uint32Array();
    const { features } = await trainer.embed(async () => {
      const made = await views.plain(images.slice(start, start + batch));
      shown = made.indices;
      return made.images;
    });
    return { shown, features };
  });
  // Whoever calls may take the next step.
  await Promise.allSettled(parts);
  const made = await Promise.all(parts);
  const dim = made[0]!.features.length / made[0]!.shown.length;
  const features = new Float32Array(images.length * dim);
  for (const [i, part] of made.entries()) features.set(part.features, starts[i]! * dim);
  return { images: made.flatMap(({ shown }) => [...shown]), features, dim };
}

function imagesOf(sample: number | readonly number[], images: number): Uint32Array {
  if (typeof sample !== 'number') return Uint32Array.from(sample);
  const count = Math.min(sample, images);
  return Uint32Array.from({ length: count }, (_, i) => Math.floor((i * images) / count));
}
