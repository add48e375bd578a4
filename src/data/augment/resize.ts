import type { RgbImage } from '../image.ts';

/** A rectangle of whole pixels inside an image. */
export interface Box {
  top: number;
  left: number;
  height: number;
  width: number;
}

/** Weights are fixed-point numbers with this many fractional bits, as in Pillow's path for 8-bit images. */
const PRECISION = 22;
const HALF = 1 << (PRECISION - 1);

interface Filter {
  /** First input pixel of each output pixel. */
  start: Int32Array;
  /** How many input pixels each output pixel takes. */
  count: Int32Array;
  /** [output, taps] weights · 2²². */
  weight: Int32Array;
  taps: number;
}

// Buffers that live from call to call, so that a view costs no allocation. A worker is single-threaded.
const horizontal: Filter = emptyFilter();
const vertical: Filter = emptyFilter();
let middle = new Uint8Array(0);
let sums = new Int32Array(0);

function emptyFilter(): Filter {
  return { start: new Int32Array(0), count: new Int32Array(0), weight: new Int32Array(0), taps: 0 };
}

/**
 * Crop and resize in one go: torchvision's `resized_crop` on a PIL image, bit-exact with Pillow's BILINEAR `resize` of
 * the cropped image. Triangle filter whose support grows when shrinking (antialias), horizontal pass first, rounded
 * to 8 bits between the passes, no pixel from outside the box.
 *
 * @param out at least 3·width·height bytes; receives [height, width, 3].
 */
export function resizedCrop(image: RgbImage, box: Box, width: number, height: number, out: Uint8Array): void {
  const stride = image.width * 3;
  const origin = box.top * stride + box.left * 3;
  const length = width * 3;
  if (box.width === width && box.height === height) {
    copyRows(image.data, origin, stride, length, height, out);
  } else if (box.width === width) {
    computeFilter(vertical, box.height, height);
    verticalPass(image.data, origin, stride, length, height, out);
  } else if (box.height === height) {
    computeFilter(horizontal, box.width, width);
    horizontalPass(image.data, origin, stride, width, height, out);
  } else {
    computeFilter(horizontal, box.width, width);
    computeFilter(vertical, box.height, height);
    if (middle.length < length * box.height) middle = new Uint8Array(length * box.height);
    horizontalPass(image.data, origin, stride, width, box.height, middle);
    verticalPass(middle, 0, length, length, height, out);
  }
}

/** The weights of a triangle filter from `input` to `output` pixels (Pillow, Resample.c: precompute_coeffs). */
function computeFilter(filter: Filter, input: number, output: number): void {
  const scale = input / output;
  const stretch = Math.max(scale, 1);
  const inverse = 1 / stretch;
  const taps = Math.ceil(stretch) * 2 + 1;
  if (filter.start.length < output) {
    filter.start = new Int32Array(output);
    filter.count = new Int32Array(output);
  }
  if (filter.weight.length < output * taps) filter.weight = new Int32Array(output * taps);
  filter.taps = taps;
  const raw = new Float64Array(taps);
  for (let x = 0; x < output; x++) {
    const center = (x + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - stretch + 0.5));
    const end = Math.min(input, Math.trunc(center + stretch + 0.5));
    let total = 0;
    for (let i = first; i < end; i++) {
      const distance = Math.abs((i - center + 0.5) * inverse);
      const value = distance < 1 ? 1 - distance : 0;
      raw[i - first] = value;
      total += value;
    }
    for (let i = 0; i < end - first; i++) {
      const value = total === 0 ? raw[i]! : raw[i]! / total;
      filter.weight[x * taps + i] = Math.trunc(0.5 + value * (1 << PRECISION));
    }
    filter.start[x] = first;
    filter.count[x] = end - first;
  }
}

/** No weight is negative, but rounded ones may sum to a little more than 2²²; a Uint8Array would wrap. */
function clip(sum: number): number {
  return Math.min(sum >> PRECISION, 255);
}

function horizontalPass(
  source: Uint8Array,
  origin: number,
  stride: number,
  width: number,
  rows: number,
  out: Uint8Array,
): void {
  const { start, count, weight, taps } = horizontal;
  let target = 0;
  for (let y = 0; y < rows; y++) {
    const row = origin + y * stride;
    for (let x = 0; x < width; x++) {
      let position = row + start[x]! * 3;
      let w = x * taps;
      if (count[x] === 2) {
        const first = weight[w]!;
        const second = weight[w + 1]!;
        for (let c = 0; c < 3; c++) {
          const mean = Math.imul(source[position + c]!, first) + Math.imul(source[position + c + 3]!, second);
          out[target + c] = (mean + HALF) >> PRECISION;
        }
        target += 3;
        continue;
      }
      const end = w + count[x]!;
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      for (; w < end; w++) {
        const value = weight[w]!;
        red = (red + Math.imul(source[position]!, value)) | 0;
        green = (green + Math.imul(source[position + 1]!, value)) | 0;
        blue = (blue + Math.imul(source[position + 2]!, value)) | 0;
        position += 3;
      }
      out[target] = clip(red);
      out[target + 1] = clip(green);
      out[target + 2] = clip(blue);
      target += 3;
    }
  }
}

/** Row by row, so that memory is read in order. `length` is bytes a row. */
function verticalPass(
  source: Uint8Array,
  origin: number,
  stride: number,
  length: number,
  rows: number,
  out: Uint8Array,
): void {
  const { start, count, weight, taps } = vertical;
  if (sums.length < length) sums = new Int32Array(length);
  const sum = sums;
  let target = 0;
  for (let y = 0; y < rows; y++) {
    const first = origin + start[y]! * stride;
    if (count[y] === 2) {
      // Enlarging, and much of mild shrinking: two rows, no sums to keep, and no clipping: 255 · (2²² + 1) + 2²¹
      // shifted by 22 bits is 255.
      const upper = weight[y * taps]!;
      const lower = weight[y * taps + 1]!;
      const second = first + stride;
      for (let x = 0; x < length; x++) {
        const sum2 = (Math.imul(source[first + x]!, upper) + Math.imul(source[second + x]!, lower)) | 0;
        out[target + x] = (sum2 + HALF) >> PRECISION;
      }
      target += length;
      continue;
    }
    sum.fill(HALF, 0, length);
    for (let i = 0; i < count[y]!; i++) {
      const value = weight[y * taps + i]!;
      const row = first + i * stride;
      for (let x = 0; x < length; x++) sum[x] = (sum[x]! + Math.imul(source[row + x]!, value)) | 0;
    }
    for (let x = 0; x < length; x++) out[target + x] = clip(sum[x]!);
    target += length;
  }
}

function copyRows(
  source: Uint8Array,
  origin: number,
  stride: number,
  length: number,
  rows: number,
  out: Uint8Array,
): void {
  for (let y = 0; y < rows; y++) {
    const from = origin + y * stride;
    out.set(source.subarray(from, from + length), y * length);
  }
}
