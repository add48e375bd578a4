/** A photo, drawn when its thumbnail is there. */

import { h } from '../elements.ts';
import type { ChosenPhotos } from '../photos.ts';

/** @param side in CSS pixels */
export function thumb(photos: ChosenPhotos, image: number, side: number): HTMLCanvasElement {
  const pixels = Math.round(side * Math.min(2, devicePixelRatio));
  const canvas = h('canvas', { class: 'look-thumb', width: pixels, height: pixels, 'aria-hidden': 'true' });
  canvas.style.width = `${side}px`;
  canvas.style.height = `${side}px`;
  photos.thumbnail(image).then(
    (bitmap) => {
      const context = canvas.getContext('2d')!;
      // Small ones are pixels, and shown as such.
      context.imageSmoothingEnabled = bitmap.width > 64;
      context.drawImage(bitmap, 0, 0, pixels, pixels);
    },
    () => canvas.classList.add('look-unreadable'),
  );
  return canvas;
}
