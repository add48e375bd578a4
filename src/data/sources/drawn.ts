import { MocoError } from '../../errors.ts';
import { Random, STREAMS } from '../../random.ts';
import { rasterize } from '../draw/rasterize.ts';
import { DRAWN_CLASSES, drawScene } from '../draw/scene.ts';
import type { RgbImage } from '../image.ts';
import type { Dataset, DatasetSpec, Found, Source } from './source.ts';

export interface DrawnSpec extends DatasetSpec {
  /** How many images; image i is of class i mod 10. */
  count: number;
  /** Side in pixels, 8 … 1024. */
  size: number;
  seed: number;
  /** Splits share no image. */
  split: 'train' | 'test';
}

/** Drawn images are kept up to this many bytes in all; drawing costs more than augmenting. */
const CACHE_BYTES = 64 * 1024 * 1024;

/** Images that the package draws itself. */
export const drawn: Source<DrawnSpec> = { kind: 'drawn', decodes: false, open: openDrawn };

/** A data set of ten classes of shape and texture. See describeDrawn. */
export function findDrawn(
  trainCount: number,
  testCount: number,
  size: number,
  seed: number,
): Found<DrawnSpec> {
  const train: DrawnSpec = { kind: drawn.kind, count: trainCount, size, seed, split: 'train' };
  const test: DrawnSpec = { ...train, count: testCount, split: 'test' };
  return { train, test, classes: [...DRAWN_CLASSES], imageSize: size };
}

/** @throws MocoError usage — count or size out of range. */
async function openDrawn(spec: DrawnSpec): Promise<Dataset> {
  const { count, size, split } = spec;
  if (!Number.isInteger(count) || count < 1 || count > 10_000_000) {
    throw new MocoError('usage', `${count} drawn images: ask for a whole number from 1 to 10,000,000`);
  }
  if (!Number.isInteger(size) || size < 8 || size > 1024) {
    throw new MocoError('usage', `drawn images of ${size} pixels: ask for a whole number from 8 to 1024`);
  }
  const cache = new Map<number, RgbImage>();
  const most = Math.floor(CACHE_BYTES / (3 * size * size));
  return {
    length: count,
    labels: Int32Array.from({ length: count }, (_, i) => i % DRAWN_CLASSES.length),
    name: (i) => `drawn ${split} image ${i}`,
    async image(i) {
      if (!Number.isInteger(i) || i < 0 || i >= count) {
        throw new MocoError('usage', `there is no image ${i}: the data holds ${count}`);
      }
      let image = cache.get(i);
      if (image === undefined) {
        image = drawImage(spec, i);
        if (cache.size < most) cache.set(i, image);
      }
      return image;
    },
    close: () => cache.clear(),
  };
}

/** Image i of a spec: a function of (seed, split, i, size) alone. */
export function drawImage(spec: Omit<DrawnSpec, 'kind' | 'count'>, i: number): RgbImage {
  const epoch = spec.split === 'train' ? 0 : 1;
  const random = new Random({ seed: spec.seed, epoch, image: i, stream: STREAMS.drawnImage });
  const scene = drawScene(DRAWN_CLASSES[i % DRAWN_CLASSES.length]!, random);
  return rasterize(scene, spec.size, random);
}
