/** Drawn images that change places with others: what there is to learn from, before anybody has chosen anything. */
import { h } from '../elements.ts';
import type { ChosenPhotos } from '../photos.ts';
import { drawBitmap } from '../pictures.ts';

const TILES = 96;
const EVERY_MS = 900;

/** @returns what stops it */
export function showMosaic(root: HTMLElement, photos: ChosenPhotos): () => void {
  const tiles = Array.from({ length: TILES }, () => h('canvas', { width: '32', height: '32' }));
  root.replaceChildren(...tiles);
  let next = 0;
  let ended = false;
  const fill = async (tile: HTMLCanvasElement) => {
    const bitmap = await photos.thumbnail(next++ % photos.data.trainLength);
    if (!ended) drawBitmap(tile, bitmap);
  };
  // Without thumbnails the page works as well.
  const all = Promise.all(tiles.map(fill)).catch(() => {});
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  const timer = setInterval(async () => {
    await all;
    if (still.matches || document.hidden || ended) return;
    const tile = tiles[Math.floor(Math.random() * tiles.length)]!;
    tile.style.opacity = '0';
    setTimeout(() => {
      void fill(tile)
        .catch(() => {})
        .then(() => {
          tile.style.opacity = '1';
        });
    }, 600);
  }, EVERY_MS);
  return () => {
    ended = true;
    clearInterval(timer);
  };
}
