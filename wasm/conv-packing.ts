/**
 * What convWeightGradient multiplies, brought to where one pointer walks through it: dy of a chunk of pixels packed to panels of
 * 8 filters, and x with its padding, of which a column begins at an offset that is the same for all chunks.
 */

/** What a call works with, as src/kernels/ writes it: 32-bit numbers, in this order. Lengths count float32. */
@unmanaged
export class Geometry {
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
export class Chunk {
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

export function bytesOf(rows: i32, columns: i32): usize {
  return (<usize>rows * <usize>columns) << 2;
}

/**
 * Where the first pixel of each column lies in x, whose pixels take so many bytes; as if there were a multiple of 4 of them.
 */
export function writeOffsets(g: Geometry, channels: i32, pixelBytes: i32, offsets: usize): void {
  const isPadded = g.paddedHeight > 0;
  const width = isPadded ? g.paddedWidth : g.width;
  const plane = width * (isPadded ? g.paddedHeight : g.height);
  let offset = 0;
  let at = offsets;
  for (let c = 0; c < channels; c++) {
    for (let ky = 0; ky < g.kernelHeight; ky++) {
      for (let kx = 0; kx < g.kernelWidth; kx++) {
        offset = (c * plane + ky * g.dilationY * width + kx * g.dilationX) * pixelBytes;
        store<i32>(at, offset);
        at += 4;
      }
    }
  }
  for (; (at - offsets) & 15; at += 4) store<i32>(at, offset);
}

/** dy of a chunk as panels [pixel][8 filters]; filters that are not there are 0. */
export function packFilters(g: Geometry, chunk: Chunk, dy: usize, filters: i32, packed: usize): void {
  const plane = g.outHeight * g.outWidth;
  const stride = (<usize>plane) << 2;
  // Rows are whole where there are several.
  const start = chunk.row * g.outWidth + chunk.column;
  const length = chunk.rows * chunk.columns;
  for (let p = 0; p < filters; p += 8) {
    const rows = min(8, filters - p);
    for (let image = 0; image < chunk.images; image++) {
      const from = dy + bytesOf((chunk.image + image) * g.filters + p, plane);
      packRun(from + ((<usize>start) << 2), stride, rows, length, packed);
      packed += (<usize>length) << 5;
    }
  }
}

/** Up to 8 rows of values, a stride of bytes apart, as [length][8]. */
export function packRun(from: usize, stride: usize, rows: i32, length: i32, to: usize): void {
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
export function walk(g: Geometry, chunk: Chunk, x: usize, channels: i32, padded: usize): usize {
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
  stepThrough(g, chunk, width, (<usize>image) << 2, 4);
  return source;
}

/** Steps through rows of `width` pixels of so many bytes. */
export function stepThrough(g: Geometry, chunk: Chunk, width: i32, image: usize, pixelBytes: usize): void {
  const row = <usize>(g.strideY * width) * pixelBytes;
  chunk.step = <usize>g.strideX * pixelBytes;
  chunk.rowJump = row - <usize>chunk.columns * chunk.step;
  chunk.imageJump = image - <usize>chunk.rows * row;
  if (chunk.rowJump == 0) {
    chunk.columns *= chunk.rows;
    chunk.rows = 1;
  }
}

export function padImages(g: Geometry, chunk: Chunk, x: usize, channels: i32, to: usize): void {
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
