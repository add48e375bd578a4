/** What `convolution` and `convInputGradient` multiply, brought to where pointers walk through it: x with its padding and its channels last, weights in panels. */

import { bytesOf, Geometry } from './conv-packing';

/** w [filters][channels][taps] as panels [tap][channel][8 filters]; filters that are not there are 0. */
export function packWeights(w: usize, filters: i32, channels: i32, taps: i32, to: usize): void {
  const stride = bytesOf(channels, taps);
  for (let p = 0; p < filters; p += 8) {
    const rows = min(8, filters - p);
    const panel = w + <usize>p * stride;
    for (let tap = 0; tap < taps; tap++) {
      to = packTap(panel + ((<usize>tap) << 2), rows, stride, channels, (<usize>taps) << 2, to);
    }
  }
}

/** Up to 8 filters of a tap, whose filters and channels are so many bytes apart, as [channel][8 filters]. Gives where that ends. */
export function packTap(from: usize, rows: i32, stride: usize, channels: i32, step: usize, to: usize): usize {
  for (let c = 0; c < channels; c++) {
    let at = from;
    for (let r = 0; r < 8; r++) {
      store<f32>(to, r < rows ? load<f32>(at) : 0);
      at += stride;
      to += 4;
    }
    from += step;
  }
  return to;
}

/** For each output pixel of a chunk: where what it sees begins, and where it goes, from the chunk's first on. The last one is there thrice more. */
export function writePixels(
  g: Geometry,
  images: i32,
  channels: i32,
  rows: i32,
  packed: usize,
  to: usize,
): void {
  const width = bytesOf(g.paddedWidth, channels);
  const step = (<usize>(g.strideX * channels)) << 2;
  let from: usize = packed;
  let out: usize = 0;
  for (let image = 0; image < images; image++) {
    for (let row = 0; row < rows; row++) {
      from = packed + <usize>(image * g.paddedHeight + row * g.strideY) * width;
      out = bytesOf(image * g.filters, g.outHeight * g.outWidth) + bytesOf(row, g.outWidth);
      for (let column = 0; column < g.outWidth; column++) {
        store<usize>(to, from);
        store<usize>(to, out, 4);
        from += step;
        out += 4;
        to += 8;
      }
    }
  }
  for (let i = 0; i < 3; i++) {
    store<usize>(to, from - step);
    store<usize>(to, out - 4, 4);
    to += 8;
  }
}

/**
 * Rows of x as [image][row][column][channel], with zeros around: `height` of them from `firstY` on, of the paddedHeight that an image has
 * room for, and paddedWidth columns from `firstX` on. Both may begin and end outside of the image.
 */
export function packChannelsLast(
  g: Geometry,
  x: usize,
  images: i32,
  channels: i32,
  firstY: i32,
  firstX: i32,
  height: i32,
  to: usize,
): void {
  const width = g.paddedWidth;
  const pixel = (<usize>channels) << 2;
  const line = <usize>width * pixel;
  // Of a row of the copy, what is in the image.
  const begin = min(max(0, -firstX), width);
  const end = max(begin, min(width, g.width - firstX));
  for (let image = 0; image < images; image++) {
    const from = x + bytesOf(image * g.channels, g.height * g.width);
    let at = to + <usize>(image * g.paddedHeight) * line;
    for (let r = 0; r < height; r++) {
      const y = firstY + r;
      if (y < 0 || y >= g.height) {
        memory.fill(at, 0, line);
      } else {
        memory.fill(at, 0, <usize>begin * pixel);
        const source = from + bytesOf(y, g.width) + ((<usize>(begin + firstX)) << 2);
        packRow(source, bytesOf(g.height, g.width), channels, end - begin, at + <usize>begin * pixel);
        memory.fill(at + <usize>end * pixel, 0, <usize>(width - end) * pixel);
      }
      at += line;
    }
  }
}

/** Rows of all channels, a plane of bytes apart, as [column][channel]: 4 × 4 at a time, transposed. */
function packRow(from: usize, plane: usize, channels: i32, columns: i32, to: usize): void {
  const pixel = (<usize>channels) << 2;
  let c = 0;
  for (; c + 4 <= channels; c += 4) {
    let a = from + <usize>c * plane;
    let at = to + ((<usize>c) << 2);
    let i = 0;
    for (; i + 4 <= columns; i += 4) {
      const ra = v128.load(a);
      const rb = v128.load(a + plane);
      const rc = v128.load(a + 2 * plane);
      const rd = v128.load(a + 3 * plane);
      const abLow = v128.shuffle<f32>(ra, rb, 0, 4, 1, 5);
      const abHigh = v128.shuffle<f32>(ra, rb, 2, 6, 3, 7);
      const cdLow = v128.shuffle<f32>(rc, rd, 0, 4, 1, 5);
      const cdHigh = v128.shuffle<f32>(rc, rd, 2, 6, 3, 7);
      v128.store(at, v128.shuffle<f32>(abLow, cdLow, 0, 1, 4, 5));
      v128.store(at + pixel, v128.shuffle<f32>(abLow, cdLow, 2, 3, 6, 7));
      v128.store(at + 2 * pixel, v128.shuffle<f32>(abHigh, cdHigh, 0, 1, 4, 5));
      v128.store(at + 3 * pixel, v128.shuffle<f32>(abHigh, cdHigh, 2, 3, 6, 7));
      a += 16;
      at += 4 * pixel;
    }
    for (; i < columns; i++) {
      store<f32>(at, load<f32>(a));
      store<f32>(at, load<f32>(a + plane), 4);
      store<f32>(at, load<f32>(a + 2 * plane), 8);
      store<f32>(at, load<f32>(a + 3 * plane), 12);
      a += 4;
      at += pixel;
    }
  }
  for (; c < channels; c++) {
    const a = from + <usize>c * plane;
    const at = to + ((<usize>c) << 2);
    for (let i = 0; i < columns; i++) store<f32>(at + <usize>i * pixel, load<f32>(a + ((<usize>i) << 2)));
  }
}
