/** Images of a data set made smaller once: to decode a photo takes far longer than to make a view of it. */
import { Canvas } from '../augment/canvas.ts';
import { resizedCrop } from '../augment/resize.ts';
import type { RgbImage } from '../image.ts';
import type { Dataset } from '../sources/source.ts';

/** Images are kept up to this many bytes in all, a worker. */
const CACHE_BYTES = 128 * 1024 * 1024;

/** The data set with images whose shorter side has at most `side` pixels; they are kept as far as there is room. */
export function reducedImages(dataset: Dataset, side: number): Dataset {
  const cache = new Map<number, RgbImage>();
  let room = CACHE_BYTES;
  let canvas: Canvas | null = null;
  return {
    length: dataset.length,
    labels: dataset.labels,
    name: (i) => dataset.name(i),
    ...(dataset.size && { size: (i: number) => dataset.size!(i) }),
    async image(i) {
      const kept = cache.get(i);
      if (kept) return kept;
      const whole = await dataset.image(i);
      canvas ??= await Canvas.open();
      const image = reduced(canvas, whole, side);
      if (image.data.length <= room) {
        room -= image.data.length;
        cache.set(i, image);
      }
      return image;
    },
    close() {
      cache.clear();
      dataset.close();
    },
  };
}

/** An image with a shorter side of at most `side` pixels, its shape kept, as Pillow's antialiased resize does. */
function reduced(canvas: Canvas, image: RgbImage, side: number): RgbImage {
  const { width, height } = image;
  const shorter = Math.min(width, height);
  if (shorter <= side) return image;
  const scaled = (length: number) => Math.max(1, Math.round((length * side) / shorter));
  resizedCrop(canvas, image, { top: 0, left: 0, width, height }, scaled(width), scaled(height));
  return canvas.image();
}
