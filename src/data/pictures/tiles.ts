/** Small square pictures of images. */
import { Canvas } from '../augment/canvas.ts';
import { resizedCrop } from '../augment/resize.ts';
import type { RgbImage } from '../image.ts';

/** The middle of an image, brought to `side` pixels square: [side, side, 3]. */
export function squareTile(canvas: Canvas, image: RgbImage, side: number): Uint8Array {
  const own = Math.min(image.width, image.height);
  const box = {
    top: (image.height - own) >> 1,
    left: (image.width - own) >> 1,
    height: own,
    width: own,
  };
  resizedCrop(canvas, image, box, side, side);
  return canvas.image().data;
}

/**
 * Many images in one, row after row.
 * @param count how many there are, at least 1
 * @param image gives them, one after the other
 */
export async function contactSheet(
  count: number,
  image: (i: number) => Promise<RgbImage>,
  columns: number,
  side: number,
): Promise<RgbImage> {
  const canvas = await Canvas.open();
  const width = columns * side;
  const height = Math.ceil(count / columns) * side;
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < count; i++) {
    const tile = squareTile(canvas, await image(i), side);
    const [left, top] = [(i % columns) * side, Math.floor(i / columns) * side];
    for (let y = 0; y < side; y++) {
      data.set(tile.subarray(3 * y * side, 3 * (y + 1) * side), 3 * ((top + y) * width + left));
    }
  }
  return { width, height, data };
}
