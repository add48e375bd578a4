import type { RgbImage } from '../image.ts';
import type { Canvas } from './canvas.ts';

/** A rectangle of whole pixels inside an image. */
export interface Box {
  top: number;
  left: number;
  height: number;
  width: number;
}

/** Rows of an image are copied into the canvas's memory in strips of about this size, so that they stay in the cache. */
const STRIP_BYTES = 1 << 16;

/** A triangle filter along one axis, in the memory of the canvas; see wasm/augment/filter.ts. */
interface Filter {
  starts: number;
  weights: number;
  pairs: number;
}

/**
 * Crop and resize in one go: torchvision's `resized_crop` on a PIL image, bit-exact with Pillow's BILINEAR `resize` of
 * the cropped image. Triangle filter whose support grows when shrinking (antialias), horizontal pass first, rounded
 * to 8 bits between the passes, no pixel from outside the box.
 *
 * @param box inside the image
 * @param width, height what the box is resized to
 * @param window the part of that which the canvas receives; default all of it. Nothing else is computed.
 * @throws MocoError out-of-memory
 */
export function resizedCrop(
  canvas: Canvas,
  image: RgbImage,
  box: Box,
  width: number,
  height: number,
  window: Box = { top: 0, left: 0, width, height },
): void {
  const { exports } = canvas;
  canvas.resize(window.width, window.height);
  const rowBytes = 3 * canvas.stride;
  const across =
    box.width === width ? null : filter(canvas, 'across', box.width, width, window.left, window.width);
  const down =
    box.height === height ? null : filter(canvas, 'down', box.height, height, window.top, window.height);
  if (down === null) {
    takeRows(canvas, image, box, window.top, window.height, across, window, canvas.pixels);
    return;
  }
  // The rows of the box that the window is made of, and one that counts with weight 0.
  const starts = new Int32Array(canvas.memory.buffer, down.starts, window.height);
  const top = starts[0]!;
  const end = Math.min(starts[window.height - 1]! + 2 * down.pairs, box.height);
  const middle = canvas.scratch('middle', (end - top + 1) * rowBytes);
  takeRows(canvas, image, box, top, end - top, across, window, middle);
  const { weights, pairs } = down;
  const first = middle - top * rowBytes; // where row 0 of the box would lie
  exports.resizeColumns(first, rowBytes, down.starts, weights, pairs, window.height, canvas.pixels);
}

/** Puts an image on a canvas as it is. @throws MocoError out-of-memory */
export function putImage(canvas: Canvas, image: RgbImage): void {
  const { width, height } = image;
  resizedCrop(canvas, image, { top: 0, left: 0, width, height }, width, height);
}

/** Of `count` outputs from number `from` on, of the `output` ones that `input` pixels are resized to. */
function filter(
  canvas: Canvas,
  name: 'across' | 'down',
  input: number,
  output: number,
  from: number,
  count: number,
): Filter {
  const { exports } = canvas;
  const pairs = exports.filterPairs(input, output, from, count);
  const rounded = Math.ceil(count / 4) * 4;
  const starts = canvas.scratch(name, rounded * 4 + rounded * pairs * 8);
  const weights = starts + rounded * 4;
  exports.makeFilter(input, output, from, count, pairs, starts, weights);
  return { starts, weights, pairs };
}

/** The horizontal pass: `rows` rows of the box, from row `top` on, to rows of three planes at `out`. */
function takeRows(
  canvas: Canvas,
  image: RgbImage,
  box: Box,
  top: number,
  rows: number,
  across: Filter | null,
  window: Box,
  out: number,
): void {
  const { exports, stride } = canvas;
  const pitch = image.width * 3;
  const left = box.left + (across ? 0 : window.left);
  const length = 3 * (across ? box.width : window.width);
  const origin = (box.top + top) * pitch + left * 3;
  const most = Math.max(1, Math.floor(STRIP_BYTES / pitch));
  // Vectors are read whole, and one pixel more counts with weight 0.
  const source = canvas.scratch('source', (Math.min(most, rows) - 1) * pitch + length + 64);
  for (let y = 0; y < rows; y += most) {
    const count = Math.min(most, rows - y);
    const from = origin + y * pitch;
    canvas.memory.set(image.data.subarray(from, from + (count - 1) * pitch + length), source);
    const to = out + y * 3 * stride;
    if (across) {
      const { starts, weights, pairs } = across;
      exports.resizeRows(source, pitch, count, starts, weights, pairs, window.width, to, stride);
    } else {
      exports.deinterleave(source, pitch, count, to, stride);
    }
  }
}
