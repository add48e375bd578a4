/**
 * What convolutions and their input gradients compute: the products of 8 filters with what 4 pixels see, its 32 sums in registers:
 * two loads of filters and four of x, each splat to all lanes, for 16 arithmetic instructions.
 */

/** Bytes of the sums of a tile: [4 pixels][8 filters]. */
export const SUMS: usize = 128;
/** Bytes of a panel whose products are summed by themselves, at least: those of 64 products. */
const PART: usize = 64 * 32;

/** How a tile goes through the taps: so many rows, in each so many runs of values that lie one after the other. Bytes. */
@unmanaged
export class Path {
  rows: i32;
  runs: i32;
  length: i32;
  runJump: usize;
  rowJump: usize;
}

/** Bytes of a Path, rounded up. */
export const PATH: usize = 32;

/** Through so many rows and columns of taps, `dilation` apart, of a copy whose rows have `width` pixels. */
export function choosePath(
  path: Path,
  rows: i32,
  columns: i32,
  dilationY: i32,
  dilationX: i32,
  width: i32,
  channels: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const isDense = dilationX == 1;
  path.rows = rows;
  path.runs = isDense ? 1 : columns;
  path.length = isDense ? columns * channels : channels;
  path.runJump = isDense ? 0 : <usize>(dilationX - 1) * pixel;
  path.rowJump =
    <usize>(dilationY * width) * pixel - <usize>path.runs * (((<usize>path.length) << 2) + path.runJump);
}

/**
 * All panels, of so many bytes each, with all pixels of a chunk. Where a pixel goes from y on is beside where what it sees begins
 * (convolution-packing.ts); its filters are a plane of bytes apart.
 */
export function multiply(
  path: Path,
  panels: usize,
  panelBytes: usize,
  filters: i32,
  pixels: usize,
  count: i32,
  y: usize,
  plane: usize,
  sums: usize,
): void {
  for (let p = 0; p < filters; p += 8) {
    const panel = panels + <usize>(p >> 3) * panelBytes;
    const to = y + <usize>p * plane;
    const wanted = min(8, filters - p);
    for (let pixel = 0; pixel < count; pixel += 4) {
      const at = pixels + ((<usize>pixel) << 3);
      tile(path, panel, at, sums);
      put(sums, to, at, wanted, min(4, count - pixel), plane);
    }
  }
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
    if (filters == 8) {
      putPixel(sums + ((<usize>i) << 5), to, plane);
      continue;
    }
    for (let f = 0; f < filters; f++) {
      store<f32>(to, load<f32>(sums + ((<usize>(i * 8 + f)) << 2)));
      to += plane;
    }
  }
}

/** Eight filters of one pixel. */
function putPixel(sums: usize, to: usize, plane: usize): void {
  const a = v128.load(sums);
  const b = v128.load(sums, 16);
  v128.store_lane<f32>(to, a, 0);
  v128.store_lane<f32>(to + plane, a, 1);
  v128.store_lane<f32>(to + 2 * plane, a, 2);
  v128.store_lane<f32>(to + 3 * plane, a, 3);
  to += 4 * plane;
  v128.store_lane<f32>(to, b, 0);
  v128.store_lane<f32>(to + plane, b, 1);
  v128.store_lane<f32>(to + 2 * plane, b, 2);
  v128.store_lane<f32>(to + 3 * plane, b, 3);
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
