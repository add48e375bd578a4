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

/** What a call works with, as src/kernels/ writes it: 32-bit numbers, in this order. Lengths count float32. */
@unmanaged
class Geometry {
  batch: i32;
  /** Of all groups. */
  channels: i32;
  height: i32;
  width: i32;
  filters: i32;
  outHeight: i32;
  outWidth: i32;
  kernelHeight: i32;
  kernelWidth: i32;
  strideY: i32;
  strideX: i32;
  top: i32;
  left: i32;
  dilationY: i32;
  dilationX: i32;
  groups: i32;
  /** A chunk, at most: whole images, or rows of one, or columns of one row. */
  images: i32;
  rows: i32;
  columns: i32;
  /** Of x with its padding, as a chunk sees it; 0 where x is read where it lies. */
  paddedHeight: i32;
  paddedWidth: i32;
}

/** A chunk of pixels, and how x is walked through. Bytes. */
@unmanaged
class Chunk {
  image: i32;
  images: i32;
  row: i32;
  rows: i32;
  column: i32;
  columns: i32;
  step: usize;
  rowJump: usize;
  imageJump: usize;
}

const CHUNK: usize = 64;
/** The sums of a tile: [4 columns][8 filters]. */
const SUMS: usize = 128;

/**
 * x [batch, channels, height, width], dy [batch, filters, outHeight, outWidth] → gradient [filters, channels/groups, kernel]:
 * the filters from `first` on, `count` of them.
 * scratch: what `scratchBytes` of src/kernels/ says, whatever is in it.
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
  writeOffsets(g, channels, offsets);
  for (let f = first; f < first + count; ) {
    const group = f / perGroup;
    const filters = min(first + count, (group + 1) * perGroup) - f;
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
          const source = walk(g, chunk, ofX, channels, padded);
          const isFirst = image + row + column == 0;
          for (let p = 0; p < filters; p += 8) {
            const panel = packed + bytesOf(p, pixels);
            const to = ofGradient + bytesOf(p, columns);
            const rows = min(8, filters - p);
            for (let c = 0; c < columns; c += 4) {
              const at = offsets + ((<usize>c) << 2);
              tile(chunk, panel, source, at, sums);
              put(sums, to + ((<usize>c) << 2), rows, (<usize>columns) << 2, min(4, columns - c), isFirst);
            }
          }
        }
      }
    }
    f += filters;
  }
}

function bytesOf(rows: i32, columns: i32): usize {
  return (<usize>rows * <usize>columns) << 2;
}

/** Where the first pixel of each column lies in x, in bytes; as if there were a multiple of 4 of them. */
function writeOffsets(g: Geometry, channels: i32, offsets: usize): void {
  const isPadded = g.paddedHeight > 0;
  const width = isPadded ? g.paddedWidth : g.width;
  const plane = width * (isPadded ? g.paddedHeight : g.height);
  let offset = 0;
  let at = offsets;
  for (let c = 0; c < channels; c++) {
    for (let ky = 0; ky < g.kernelHeight; ky++) {
      for (let kx = 0; kx < g.kernelWidth; kx++) {
        offset = (c * plane + ky * g.dilationY * width + kx * g.dilationX) << 2;
        store<i32>(at, offset);
        at += 4;
      }
    }
  }
  for (; (at - offsets) & 15; at += 4) store<i32>(at, offset);
}

/** dy of a chunk as panels [pixel][8 filters]; filters that are not there are 0. */
function packFilters(g: Geometry, chunk: Chunk, dy: usize, filters: i32, packed: usize): void {
  const plane = g.outHeight * g.outWidth;
  const stride = (<usize>plane) << 2;
  const isWhole = chunk.columns == g.outWidth;
  const runs = isWhole ? 1 : chunk.rows;
  const length = isWhole ? chunk.rows * chunk.columns : chunk.columns;
  for (let p = 0; p < filters; p += 8) {
    const rows = min(8, filters - p);
    for (let image = 0; image < chunk.images; image++) {
      const from = dy + bytesOf((chunk.image + image) * g.filters + p, plane);
      for (let run = 0; run < runs; run++) {
        const start = (chunk.row + run) * g.outWidth + chunk.column;
        packRun(from + ((<usize>start) << 2), stride, rows, length, packed);
        packed += (<usize>length) << 5;
      }
    }
  }
}

function packRun(from: usize, stride: usize, rows: i32, length: i32, to: usize): void {
  if (rows == 8) {
    packHalf(from, stride, length, to);
    packHalf(from + 4 * stride, stride, length, to + 16);
    return;
  }
  for (let i = 0; i < length; i++) {
    for (let r = 0; r < 8; r++) {
      store<f32>(to, r < rows ? load<f32>(from + <usize>r * stride) : 0);
      to += 4;
    }
    from += 4;
  }
}

/** Four filters: 4 pixels of each at a time, transposed. */
function packHalf(from: usize, stride: usize, length: i32, to: usize): void {
  let a = from;
  let b = a + stride;
  let c = b + stride;
  let d = c + stride;
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const ra = v128.load(a);
    const rb = v128.load(b);
    const rc = v128.load(c);
    const rd = v128.load(d);
    const abLow = v128.shuffle<f32>(ra, rb, 0, 4, 1, 5);
    const abHigh = v128.shuffle<f32>(ra, rb, 2, 6, 3, 7);
    const cdLow = v128.shuffle<f32>(rc, rd, 0, 4, 1, 5);
    const cdHigh = v128.shuffle<f32>(rc, rd, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<f32>(abLow, cdLow, 0, 1, 4, 5));
    v128.store(to, v128.shuffle<f32>(abLow, cdLow, 2, 3, 6, 7), 32);
    v128.store(to, v128.shuffle<f32>(abHigh, cdHigh, 0, 1, 4, 5), 64);
    v128.store(to, v128.shuffle<f32>(abHigh, cdHigh, 2, 3, 6, 7), 96);
    a += 16;
    b += 16;
    c += 16;
    d += 16;
    to += 128;
  }
  for (; i < length; i++) {
    store<f32>(to, load<f32>(a));
    store<f32>(to, load<f32>(b), 4);
    store<f32>(to, load<f32>(c), 8);
    store<f32>(to, load<f32>(d), 12);
    a += 4;
    b += 4;
    c += 4;
    d += 4;
    to += 32;
  }
}

/** Where x of a chunk begins, and how it is walked through: in place, or in a copy with its padding. */
function walk(g: Geometry, chunk: Chunk, x: usize, channels: i32, padded: usize): usize {
  let source = padded;
  let width = g.paddedWidth;
  let image = channels * g.paddedHeight * width;
  if (g.paddedHeight > 0) {
    padImages(g, chunk, x, channels, padded);
  } else {
    width = g.width;
    image = g.channels * g.height * width;
    source = x + bytesOf(chunk.image, image) + bytesOf(chunk.row * g.strideY, width);
    source += (<usize>(chunk.column * g.strideX)) << 2;
  }
  const row = bytesOf(g.strideY, width);
  chunk.step = (<usize>g.strideX) << 2;
  chunk.rowJump = row - <usize>chunk.columns * chunk.step;
  chunk.imageJump = ((<usize>image) << 2) - <usize>chunk.rows * row;
  if (chunk.rowJump == 0) {
    chunk.columns *= chunk.rows;
    chunk.rows = 1;
  }
  return source;
}

function padImages(g: Geometry, chunk: Chunk, x: usize, channels: i32, to: usize): void {
  const width = g.paddedWidth;
  const height = (chunk.rows - 1) * g.strideY + (g.kernelHeight - 1) * g.dilationY + 1;
  const firstY = chunk.row * g.strideY - g.top;
  const firstX = chunk.column * g.strideX - g.left;
  // Of a row of the copy, what is in the image.
  const begin = min(max(0, -firstX), width);
  const end = max(begin, min(width, g.width - firstX));
  const skipped = bytesOf(g.paddedHeight - height, width);
  for (let image = 0; image < chunk.images; image++) {
    let from = x + bytesOf((chunk.image + image) * g.channels, g.height * g.width);
    for (let c = 0; c < channels; c++) {
      for (let r = 0; r < height; r++) {
        const y = firstY + r;
        const row = from + ((<usize>y * <usize>g.width + <usize>firstX) << 2);
        if (y >= 0 && y < g.height) padRow(row, to, begin, end, width);
        else zeros(to, 0, width);
        to += (<usize>width) << 2;
      }
      to += skipped;
      from += bytesOf(g.height, g.width);
    }
  }
}

function padRow(from: usize, to: usize, begin: i32, end: i32, width: i32): void {
  zeros(to, 0, begin);
  let i = begin;
  for (; i + 4 <= end; i += 4) v128.store(to + ((<usize>i) << 2), v128.load(from + ((<usize>i) << 2)));
  for (; i < end; i++) store<f32>(to + ((<usize>i) << 2), load<f32>(from + ((<usize>i) << 2)));
  zeros(to, end, width);
}

function zeros(to: usize, begin: i32, end: i32): void {
  for (let i = begin; i < end; i++) store<f32>(to + ((<usize>i) << 2), 0);
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
    let from = sums + (<usize>r << 2);
    for (let c = 0; c < columns; c++) {
      const at = to + (<usize>c << 2);
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
