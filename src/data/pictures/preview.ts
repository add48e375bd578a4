import { MocoError } from '../../errors.ts';
import { Canvas } from '../augment/canvas.ts';
import { LETTER_HEIGHT, write } from '../draw/letters.ts';
import type { RgbImage } from '../image.ts';
import { encodeImage } from './encode-png.ts';
import { squareTile } from './tiles.ts';

/** A query image and its nearest neighbors before and after training, best first. */
export interface NeighborRow {
  query: RgbImage;
  before: readonly Neighbor[];
  after: readonly Neighbor[];
}

export interface Neighbor {
  image: RgbImage;
  /** Whether it is of the query's class; null where there are no classes. */
  sameClass: boolean | null;
}

/** What stands above the columns, in letters and digits. */
export interface Captions {
  readonly query: string;
  readonly before: string;
  readonly after: string;
}

/** Side of a shown image, width of its border, and gaps, in pixels. */
const TILE = 64;
const BORDER = 3;
const GAP = 4;
const WIDE_GAP = 20;
/** Height of the line of captions. */
export const CAPTION = LETTER_HEIGHT + 8;
const SAME = [40, 160, 70] as const; // green
const OTHER = [205, 60, 50] as const; // red
const NEUTRAL = [150, 150, 150] as const; // gray
const MAX_TILES = 10_000;

/**
 * A picture of query images with their nearest neighbors: in each row the query, its neighbors before training, and
 * after a wide gap those after training, framed green where of the query's class, red where of another.
 * Captions stand above them.
 *
 * @returns bytes of a PNG file.
 * @throws MocoError usage — no rows, or more than 10,000 images in all.
 */
export async function neighborSheet(rows: readonly NeighborRow[], captions: Captions): Promise<Uint8Array> {
  const most = (side: 'before' | 'after') => Math.max(0, ...rows.map((row) => row[side].length));
  const before = most('before');
  const after = most('after');
  const tiles = rows.length * (1 + before + after);
  if (rows.length === 0 || tiles > MAX_TILES) {
    throw new MocoError('usage', `a sheet of ${tiles} images: give 1 to ${MAX_TILES}`);
  }
  const cell = TILE + 2 * BORDER + GAP;
  const firstBefore = cell + WIDE_GAP;
  const firstAfter = firstBefore + before * cell + WIDE_GAP;
  const width = firstAfter + after * cell + GAP;
  const height = CAPTION + rows.length * cell + GAP;
  const sheet = new Uint8ClampedArray(width * height * 4).fill(255);
  const caption = (left: number, right: number, words: string) =>
    write(sheet, width, { left: GAP + left, top: GAP, right }, words);
  caption(0, firstBefore, captions.query);
  caption(firstBefore, firstAfter, captions.before);
  caption(firstAfter, width, captions.after);
  const canvas = await Canvas.open();
  rows.forEach((row, r) => {
    const y = CAPTION + GAP + r * cell;
    paste(canvas, sheet, width, GAP, y, row.query, NEUTRAL);
    const line = (first: number, neighbors: readonly Neighbor[]) => {
      neighbors.forEach(({ image, sameClass }, n) => {
        const color = sameClass === null ? NEUTRAL : sameClass ? SAME : OTHER;
        paste(canvas, sheet, width, GAP + first + n * cell, y, image, color);
      });
    };
    line(firstBefore, row.before);
    line(firstAfter, row.after);
  });
  return encodeImage(sheet, width, height);
}

/** Puts an image, scaled to a tile, with its border at (left, top) of an RGBA sheet. */
function paste(
  canvas: Canvas,
  sheet: Uint8ClampedArray,
  sheetWidth: number,
  left: number,
  top: number,
  image: RgbImage,
  border: readonly [number, number, number],
): void {
  const tile = squareTile(canvas, image, TILE);
  const outer = TILE + 2 * BORDER;
  for (let y = 0; y < outer; y++) {
    for (let x = 0; x < outer; x++) {
      const target = ((top + y) * sheetWidth + left + x) * 4;
      const tx = x - BORDER;
      const ty = y - BORDER;
      const inside = tx >= 0 && ty >= 0 && tx < TILE && ty < TILE;
      for (let c = 0; c < 3; c++) sheet[target + c] = inside ? tile[(ty * TILE + tx) * 3 + c]! : border[c]!;
    }
  }
}
