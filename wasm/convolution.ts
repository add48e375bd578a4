/**
 * A convolution, as a product of matrices none of which is ever whole in memory (implicit GEMM):
 *
 *     y[f, pixel] = Σ over taps (ky, kx) and channels c of w[f, c, ky, kx] · x[c, pixel·stride + (ky, kx)·dilation − pad]
 *
 * Output pixels are taken in chunks (src/kernels/convolution.ts chooses them by the shape alone). Of a chunk, x is copied with its
 * padding and its channels last, so that the channels of all taps of a row lie one after the other; weights are packed to panels
 * of 8 filters in the same order, [ky][kx][c][8]. Then each tile of 8 filters × 4 pixels goes through the taps with its 32 sums in
 * registers: two loads of filters and four of x, each splat to all lanes, for 16 arithmetic instructions. Strides, dilations and the
 * ends of rows and images are addresses: nothing is computed for pixels that are not there. A sum runs over (ky, kx, c) in this order,
 * so that no bit depends on how images are shared out.
 *
 * Floor: 2·pixels·filters·taps·channels flop (bench/convolution.mjs has the gap).
 */

import { bytesOf, Geometry } from './conv-packing';
import { packChannelsLast, packWeights, writePixels } from './convolution-packing';

/** The sums of a tile: [4 pixels][8 filters]. */
const SUMS: usize = 128;
/** Bytes of a panel whose products are summed by themselves, at least: those of 64 products. */
const PART: usize = 64 * 32;

/** How a tile goes through the taps: so many rows, in each so many runs of values that lie one after the other. Bytes. */
@unmanaged
class Path {
  rows: i32;
  runs: i32;
  length: i32;
  runJump: usize;
  rowJump: usize;
}

/** Bytes of a Path, rounded up. */
const PATH: usize = 32;

/**
 * x [batch, channels, height, width], w [filters, channels/groups, kernel] → y [batch, filters, outHeight, outWidth]: of the
 * images from `first` on, `count` of them.
 * scratch: as many bytes as src/kernels/ says, whatever they are.
 */
export function convolution(
  x: usize,
  w: usize,
  y: usize,
  geometry: usize,
  first: i32,
  count: i32,
  scratch: usize,
): void {
  const g = changetype<Geometry>(geometry);
  const channels = g.channels / g.groups;
  const filters = g.filters / g.groups;
  const panels = (filters + 7) >> 3;
  const taps = channels * g.kernelHeight * g.kernelWidth;
  const panelBytes = (<usize>taps) << 5;
  const plane = g.outHeight * g.outWidth;
  const path = changetype<Path>(scratch);
  choosePath(g, channels, path);
  const sums = scratch + PATH;
  const weights = sums + SUMS;
  const pixels = weights + <usize>panels * panelBytes;
  const packed = pixels + ((<usize>(g.images * g.rows * g.outWidth + 3)) << 3);
  const end = first + count;
  for (let group = 0; group < g.groups; group++) {
    packWeights(
      w + bytesOf(group * filters, taps),
      filters,
      channels,
      g.kernelHeight * g.kernelWidth,
      weights,
    );
    for (let image = first; image < end; image += g.images) {
      const images = min(g.images, end - image);
      for (let row = 0; row < g.outHeight; row += g.rows) {
        const rows = min(g.rows, g.outHeight - row);
        const ofX = x + bytesOf(image * g.channels + group * channels, g.height * g.width);
        packChannelsLast(g, ofX, images, channels, row, rows, packed);
        const all = images * rows * g.outWidth;
        writePixels(g, images, channels, rows, packed, pixels);
        const ofY = y + bytesOf(image * g.filters + group * filters, plane) + bytesOf(row, g.outWidth);
        for (let p = 0; p < panels; p++) {
          const panel = weights + <usize>p * panelBytes;
          const to = ofY + bytesOf(p * 8, plane);
          const wanted = min(8, filters - p * 8);
          for (let pixel = 0; pixel < all; pixel += 4) {
            const at = pixels + ((<usize>pixel) << 3);
            tile(path, panel, at, sums);
            put(sums, to, at, wanted, min(4, all - pixel), (<usize>plane) << 2);
          }
        }
      }
    }
  }
}

function choosePath(g: Geometry, channels: i32, path: Path): void {
  const pixel = (<usize>channels) << 2;
  const isDense = g.dilationX == 1;
  path.rows = g.kernelHeight;
  path.runs = isDense ? 1 : g.kernelWidth;
  path.length = isDense ? g.kernelWidth * channels : channels;
  path.runJump = isDense ? 0 : <usize>(g.dilationX - 1) * pixel;
  path.rowJump =
    <usize>(g.dilationY * g.paddedWidth) * pixel -
    <usize>path.runs * (((<usize>path.length) << 2) + path.runJump);
}

/**
 * sums [4 pixels][8 filters] = the products of a panel with what four pixels see, in the order of the panel: partial sums of PART or more, which are
 * added in their order, as long sums round more.
 */
function tile(path: Path, panel: usize, pixels: usize, sums: usize): void {
  let x0 = load<usize>(pixels);
  let x1 = load<usize>(pixels, 8);
  let x2 = load<usize>(pixels, 16);
  let x3 = load<usize>(pixels, 24);
  let a0 = f32x4.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  let b0 = a0;
  let b1 = a0;
  let b2 = a0;
  let b3 = a0;
  memory.fill(sums, 0, SUMS);
  let begun = panel;
  for (let row = path.rows; row > 0; row--) {
    for (let run = path.runs; run > 0; run--) {
      const last = panel + ((<usize>path.length) << 5);
      while (panel < last) {
        const end = min(panel + PART, last);
        while (panel < end) {
          const a = v128.load(panel);
          const b = v128.load(panel, 16);
          let x = v128.load32_splat(x0);
          a0 = f32x4.add(a0, f32x4.mul(a, x));
          b0 = f32x4.add(b0, f32x4.mul(b, x));
          x = v128.load32_splat(x1);
          a1 = f32x4.add(a1, f32x4.mul(a, x));
          b1 = f32x4.add(b1, f32x4.mul(b, x));
          x = v128.load32_splat(x2);
          a2 = f32x4.add(a2, f32x4.mul(a, x));
          b2 = f32x4.add(b2, f32x4.mul(b, x));
          x = v128.load32_splat(x3);
          a3 = f32x4.add(a3, f32x4.mul(a, x));
          b3 = f32x4.add(b3, f32x4.mul(b, x));
          x0 += 4;
          x1 += 4;
          x2 += 4;
          x3 += 4;
          panel += 32;
        }
        if (panel - begun >= PART) {
          addPair(sums, a0, b0);
          addPair(sums + 32, a1, b1);
          addPair(sums + 64, a2, b2);
          addPair(sums + 96, a3, b3);
          a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = f32x4.splat(0);
          begun = panel;
        }
      }
      x0 += path.runJump;
      x1 += path.runJump;
      x2 += path.runJump;
      x3 += path.runJump;
    }
    x0 += path.rowJump;
    x1 += path.rowJump;
    x2 += path.rowJump;
    x3 += path.rowJump;
  }
  addPair(sums, a0, b0);
  addPair(sums + 32, a1, b1);
  addPair(sums + 64, a2, b2);
  addPair(sums + 96, a3, b3);
}

function addPair(sums: usize, a: v128, b: v128): void {
  v128.store(sums, f32x4.add(v128.load(sums), a));
  v128.store(sums, f32x4.add(v128.load(sums, 16), b), 16);
}

/** The sums of a tile into y, whose filters are a plane of bytes apart. */
function put(sums: usize, y: usize, pixels: usize, filters: i32, count: i32, plane: usize): void {
  const at = load<usize>(pixels, 4);
  // Four pixels side by side: not where a tile goes over from one image to the next.
  if (filters == 8 && count == 4 && load<usize>(pixels, 28) - at == 12) {
    putHalf(sums, y + at, plane);
    putHalf(sums + 16, y + at + 4 * plane, plane);
    return;
  }
  for (let i = 0; i < count; i++) {
    let to = y + load<usize>(pixels + ((<usize>i) << 3), 4);
    for (let f = 0; f < filters; f++) {
      store<f32>(to, load<f32>(sums + ((<usize>(i * 8 + f)) << 2)));
      to += plane;
    }
  }
}

/** Four filters of four pixels, transposed. */
function putHalf(sums: usize, to: usize, plane: usize): void {
  const a = v128.load(sums);
  const b = v128.load(sums, 32);
  const c = v128.load(sums, 64);
  const d = v128.load(sums, 96);
  const abLow = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const abHigh = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cdLow = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const cdHigh = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f32>(abLow, cdLow, 0, 1, 4, 5));
  v128.store(to + plane, v128.shuffle<f32>(abLow, cdLow, 2, 3, 6, 7));
  v128.store(to + 2 * plane, v128.shuffle<f32>(abHigh, cdHigh, 0, 1, 4, 5));
  v128.store(to + 3 * plane, v128.shuffle<f32>(abHigh, cdHigh, 2, 3, 6, 7));
}
