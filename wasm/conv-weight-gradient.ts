/**
 * The gradient of a convolution's weights, as a product of matrices none of which is ever whole in memory (implicit GEMM):
 *
 *     dW[f, c, ky, kx] = Σ over images and output pixels of dy[f, pixel] · x[c, pixel·stride + (ky, kx)·dilation − pad]
 *
 * A column is one (c, ky, kx) of a group's weights. Pixels are taken in chunks of at most PIXELS (conv-weight-gradient.ts in
 * src/kernels/ chooses them by the shape alone); of a chunk, dy is packed to panels of 8 filters, [pixel][8], and x is copied with its
 * padding, or read where it lies if it has none. Then each tile of 8 filters × 4 columns goes through the pixels with its 32 sums in
 * registers: two loads of filters and four of x, each splat to all lanes, for 16 arithmetic instructions. Strides, dilations and
 * taps are addresses, so that nothing is computed for pixels that are not there. A sum runs over the pixels of a chunk one after the
 * other, and chunks are added in their order: no bit depends on how filters are shared out.
 *
 * Floor: 2·pixels·filters·columns flop (bench/conv-weight-gradient.mjs has the gap).
 */

import { PIXEL, tileDepthwise, walkDepthwise } from './conv-depthwise';
import { bytesOf, Chunk, Geometry, packFilters, walk, writeOffsets } from './conv-packing';

/** Bytes of a Chunk. */
const CHUNK: usize = 64;
/** The sums of a tile: [4 columns][8 filters]. */
const SUMS: usize = 128;

/**
 * x [batch, channels, height, width], dy [batch, filters, outHeight, outWidth] → gradient [filters, channels/groups, kernel]:
 * the filters from `first` on, `count` of them.
 * scratch: as many bytes as src/kernels/ says, whatever they are.
 */
export function convWeightGradient(
  x: usize,
  dy: usize,
  gradient: usize,
  geometry: usize,
  first: i32,
  count: i32,
  scratch: usize,
): void {
  const g = changetype<Geometry>(geometry);
  const perGroup = g.filters / g.groups;
  const channels = g.channels / g.groups;
  const columns = channels * g.kernelHeight * g.kernelWidth;
  const chunk = changetype<Chunk>(scratch);
  const sums = scratch + CHUNK;
  const offsets = sums + SUMS;
  const packed = offsets + ((<usize>((columns + 3) & ~3)) << 2);
  // Panels of filters of 8 groups where a group has one.
  const isDepthwise = perGroup == 1 && channels == 1;
  writeOffsets(g, channels, isDepthwise ? PIXEL : 4, offsets);
  for (let f = first; f < first + count; ) {
    const group = f / perGroup;
    const end = isDepthwise ? f + 8 : (group + 1) * perGroup;
    const filters = min(first + count, end) - f;
    const ofX = x + bytesOf(group * channels, g.height * g.width);
    const ofDy = dy + bytesOf(f, g.outHeight * g.outWidth);
    const ofGradient = gradient + bytesOf(f, columns);
    for (let image = 0; image < g.batch; image += g.images) {
      chunk.image = image;
      chunk.images = min(g.images, g.batch - image);
      for (let row = 0; row < g.outHeight; row += g.rows) {
        chunk.row = row;
        chunk.rows = min(g.rows, g.outHeight - row);
        for (let column = 0; column < g.outWidth; column += g.columns) {
          chunk.column = column;
          chunk.columns = min(g.columns, g.outWidth - column);
          const pixels = chunk.images * chunk.rows * chunk.columns;
          const padded = packed + bytesOf((filters + 7) & ~7, g.images * g.rows * g.columns);
          packFilters(g, chunk, ofDy, filters, packed);
          const source = isDepthwise
            ? walkDepthwise(g, chunk, ofX, filters, padded)
            : walk(g, chunk, ofX, channels, padded);
          const isFirst = image + row + column == 0;
          for (let p = 0; p < filters; p += 8) {
            const panel = packed + bytesOf(p, pixels);
            const to = ofGradient + bytesOf(p, columns);
            const rows = min(8, filters - p);
            for (let c = 0; c < columns; c += 4) {
              const at = offsets + ((<usize>c) << 2);
              if (isDepthwise) tileDepthwise(chunk, panel, source, at, sums);
              else tile(chunk, panel, source, at, sums);
              put(sums, to + ((<usize>c) << 2), rows, (<usize>columns) << 2, min(4, columns - c), isFirst);
            }
          }
        }
      }
    }
    f += filters;
  }
}

/** sums [4 columns][8 filters] = the products of a panel with four columns, over the pixels of a chunk in their order. */
function tile(chunk: Chunk, panel: usize, source: usize, offsets: usize, sums: usize): void {
  let x0 = source + load<u32>(offsets);
  let x1 = source + load<u32>(offsets, 4);
  let x2 = source + load<u32>(offsets, 8);
  let x3 = source + load<u32>(offsets, 12);
  const step = chunk.step;
  let a0 = f32x4.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  let b0 = a0;
  let b1 = a0;
  let b2 = a0;
  let b3 = a0;
  for (let image = chunk.images; image > 0; image--) {
    for (let row = chunk.rows; row > 0; row--) {
      const end = panel + ((<usize>chunk.columns) << 5);
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
        x0 += step;
        x1 += step;
        x2 += step;
        x3 += step;
        panel += 32;
      }
      x0 += chunk.rowJump;
      x1 += chunk.rowJump;
      x2 += chunk.rowJump;
      x3 += chunk.rowJump;
    }
    x0 += chunk.imageJump;
    x1 += chunk.imageJump;
    x2 += chunk.imageJump;
    x3 += chunk.imageJump;
  }
  v128.store(sums, a0);
  v128.store(sums, b0, 16);
  v128.store(sums, a1, 32);
  v128.store(sums, b1, 48);
  v128.store(sums, a2, 64);
  v128.store(sums, b2, 80);
  v128.store(sums, a3, 96);
  v128.store(sums, b3, 112);
}

/** The sums of a tile into the rows of the gradient: written by the first chunk, added by the others. */
function put(sums: usize, to: usize, rows: i32, stride: usize, columns: i32, isFirst: bool): void {
  if (rows == 8 && columns == 4) {
    putHalf(sums, to, stride, isFirst);
    putHalf(sums + 16, to + 4 * stride, stride, isFirst);
    return;
  }
  for (let r = 0; r < rows; r++) {
    let from = sums + ((<usize>r) << 2);
    for (let c = 0; c < columns; c++) {
      const at = to + ((<usize>c) << 2);
      const sum = load<f32>(from);
      store<f32>(at, isFirst ? sum : load<f32>(at) + sum);
      from += 32;
    }
    to += stride;
  }
}

/** Four filters of four columns, transposed. */
function putHalf(sums: usize, to: usize, stride: usize, isFirst: bool): void {
  const a = v128.load(sums);
  const b = v128.load(sums, 32);
  const c = v128.load(sums, 64);
  const d = v128.load(sums, 96);
  const abLow = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const abHigh = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cdLow = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const cdHigh = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  putRow(to, v128.shuffle<f32>(abLow, cdLow, 0, 1, 4, 5), isFirst);
  putRow(to + stride, v128.shuffle<f32>(abLow, cdLow, 2, 3, 6, 7), isFirst);
  putRow(to + 2 * stride, v128.shuffle<f32>(abHigh, cdHigh, 0, 1, 4, 5), isFirst);
  putRow(to + 3 * stride, v128.shuffle<f32>(abHigh, cdHigh, 2, 3, 6, 7), isFirst);
}

function putRow(to: usize, sums: v128, isFirst: bool): void {
  v128.store(to, isFirst ? sums : f32x4.add(v128.load(to), sums));
}
