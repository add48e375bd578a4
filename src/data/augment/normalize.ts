import type { RgbImage } from '../image.ts';
import type { Canvas } from './canvas.ts';
import type { Recipe } from './recipes.ts';

type Statistics = Pick<Recipe, 'mean' | 'std'>;

// One table a recipe: there are only 3 · 256 different results.
const tables = new WeakMap<Statistics, Float32Array>();

/** [3, 256]: (value / 255 − mean) / std, computed in float64 and rounded once. */
function tableOf(statistics: Statistics): Float32Array {
  let table = tables.get(statistics);
  if (table === undefined) {
    table = new Float32Array(3 * 256);
    for (let c = 0; c < 3; c++) {
      for (let value = 0; value < 256; value++) {
        table[c * 256 + value] = (value / 255 - statistics.mean[c]!) / statistics.std[c]!;
      }
    }
    tables.set(statistics, table);
  }
  return table;
}

/**
 * torchvision ToTensor and Normalize: what a canvas holds → float32 planes [3, height, width] at `offset` of out, mirrored
 * left to right if `flip` (RandomHorizontalFlip; it commutes with every color operation).
 * @throws MocoError out-of-memory
 */
export function normalize(
  canvas: Canvas,
  statistics: Statistics,
  out: Float32Array,
  offset = 0,
  flip = false,
): void {
  const { exports, width, height, stride } = canvas;
  const table = tableOf(statistics);
  const tables = canvas.scratch('tables', table.byteLength);
  const length = 3 * width * height;
  const normalized = canvas.scratch('normalized', 4 * length);
  const { buffer } = canvas.memory;
  new Float32Array(buffer, tables, table.length).set(table);
  exports.normalize(canvas.pixels, stride, width, height, tables, normalized, flip ? 1 : 0);
  out.set(new Float32Array(buffer, normalized, length), offset);
}

/** The pixels that `normalize` made float32 planes [3, height, width] of, exactly. */
export function pixelsOf(
  planes: Float32Array,
  width: number,
  height: number,
  { mean, std }: Statistics,
): RgbImage {
  const area = width * height;
  const data = new Uint8Array(3 * area);
  for (let c = 0; c < 3; c++) {
    for (let i = 0; i < area; i++) {
      data[3 * i + c] = Math.round((planes[c * area + i]! * std[c]! + mean[c]!) * 255);
    }
  }
  return { width, height, data };
}

/** Mirrors RGB bytes left to right, in place. */
export function flipHorizontally(pixels: Uint8Array, width: number, height: number): void {
  for (let y = 0; y < height; y++) {
    let left = y * width * 3;
    let right = left + (width - 1) * 3;
    for (; left < right; left += 3, right -= 3) {
      for (let c = 0; c < 3; c++) {
        const swap = pixels[left + c]!;
        pixels[left + c] = pixels[right + c]!;
        pixels[right + c] = swap;
      }
    }
  }
}
