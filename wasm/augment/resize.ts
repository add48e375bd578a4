/** Pillow's BILINEAR resize for 8-bit images: rows first, then columns, rounded to 8 bits between. See filter.ts. */
import { toBytes, weaveHigh, weaveLow } from './lanes';

const HALF: i32 = 1 << 21;

/** RGB bytes → canvas: `rows` rows, `pitch` bytes apart, of `stride` pixels. Reads up to 47 bytes too many. */
export function deinterleave(source: usize, pitch: usize, rows: i32, out: usize, stride: usize): void {
  for (let y = 0; y < rows; y++) {
    let from = source;
    for (let x: usize = 0; x < stride; x += 16) {
      const a = v128.load(from);
      const b = v128.load(from, 16);
      const c = v128.load(from, 32);
      const to = out + x;
      let low = v128.shuffle<u8>(a, b, 0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 0, 0, 0, 0, 0);
      v128.store(to, v128.shuffle<u8>(low, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17, 20, 23, 26, 29));
      low = v128.shuffle<u8>(a, b, 1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, 0, 0, 0, 0, 0);
      v128.store(to + stride, v128.shuffle<u8>(low, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 18, 21, 24, 27, 30));
      low = v128.shuffle<u8>(a, b, 2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 0, 0, 0, 0, 0, 0);
      v128.store(
        to + 2 * stride,
        v128.shuffle<u8>(low, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 19, 22, 25, 28, 31),
      );
      from += 48;
    }
    source += pitch;
    out += 3 * stride;
  }
}

/** One output pixel, as red, green, blue and nothing in 32-bit lanes: the weighted mean of 2·pairs input pixels. */
function pixel(source: usize, weights: usize, pairs: i32): v128 {
  let upper = i32x4.splat(0);
  let lower = i32x4.splat(HALF);
  for (let k = 0; k < pairs; k++) {
    // Red, red, green, green, blue, blue of two pixels, in 16-bit lanes; an index of −1 gives 0.
    const both = i8x16.swizzle(
      v128.load64_zero(source),
      i8x16(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1),
    );
    upper = i32x4.add(upper, i32x4.dot_i16x8_s(both, v128.load32_splat(weights)));
    lower = i32x4.add(lower, i32x4.dot_i16x8_s(both, v128.load32_splat(weights, 4)));
    source += 6;
    weights += 8;
  }
  return i32x4.shr_u(i32x4.add(i32x4.shl(upper, 11), lower), 22);
}

/**
 * RGB bytes → canvas of other width: `rows` rows, `pitch` bytes apart. Reads up to 16 bytes too many.
 * @param starts, weights, pairs of makeFilter for `width` outputs
 */
export function resizeRows(
  source: usize,
  pitch: usize,
  rows: i32,
  starts: usize,
  weights: usize,
  pairs: i32,
  width: i32,
  out: usize,
  stride: usize,
): void {
  const step = (<usize>pairs) << 3;
  for (let y = 0; y < rows; y++) {
    let start = starts;
    let weight = weights;
    let to = out;
    for (let x = 0; x < width; x += 4) {
      const a = pixel(source + 3 * <usize>load<i32>(start), weight, pairs);
      weight += step;
      const b = pixel(source + 3 * <usize>load<i32>(start, 4), weight, pairs);
      weight += step;
      const c = pixel(source + 3 * <usize>load<i32>(start, 8), weight, pairs);
      weight += step;
      const d = pixel(source + 3 * <usize>load<i32>(start, 12), weight, pairs);
      weight += step;
      // Four reds, four greens, four blues.
      const colors = i8x16.swizzle(
        toBytes(a, b, c, d),
        i8x16(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
      );
      v128.store32_lane(to, colors, 0);
      v128.store32_lane(to + stride, colors, 1);
      v128.store32_lane(to + 2 * stride, colors, 2);
      start += 16;
      to += 4;
    }
    source += pitch;
    out += 3 * stride;
  }
}

/**
 * Canvas → canvas of other height. Reads one row too many.
 * @param starts, weights, pairs of makeFilter for `rows` outputs
 * @param rowBytes bytes of a row, a multiple of 16
 */
export function resizeColumns(
  source: usize,
  rowBytes: usize,
  starts: usize,
  weights: usize,
  pairs: i32,
  rows: i32,
  out: usize,
): void {
  const half = i32x4.splat(HALF);
  for (let y = 0; y < rows; y++) {
    const first = source + <usize>load<i32>(starts) * rowBytes;
    for (let x: usize = 0; x < rowBytes; x += 16) {
      let from = first + x;
      let weight = weights;
      let u0 = i32x4.splat(0);
      let u1 = u0;
      let u2 = u0;
      let u3 = u0;
      let l0 = half;
      let l1 = half;
      let l2 = half;
      let l3 = half;
      for (let k = 0; k < pairs; k++) {
        const a = v128.load(from);
        const b = v128.load(from + rowBytes);
        const upper = v128.load32_splat(weight);
        const lower = v128.load32_splat(weight, 4);
        const low = weaveLow(a, b);
        const high = weaveHigh(a, b);
        let v = i16x8.extend_low_i8x16_u(low);
        u0 = i32x4.add(u0, i32x4.dot_i16x8_s(v, upper));
        l0 = i32x4.add(l0, i32x4.dot_i16x8_s(v, lower));
        v = i16x8.extend_high_i8x16_u(low);
        u1 = i32x4.add(u1, i32x4.dot_i16x8_s(v, upper));
        l1 = i32x4.add(l1, i32x4.dot_i16x8_s(v, lower));
        v = i16x8.extend_low_i8x16_u(high);
        u2 = i32x4.add(u2, i32x4.dot_i16x8_s(v, upper));
        l2 = i32x4.add(l2, i32x4.dot_i16x8_s(v, lower));
        v = i16x8.extend_high_i8x16_u(high);
        u3 = i32x4.add(u3, i32x4.dot_i16x8_s(v, upper));
        l3 = i32x4.add(l3, i32x4.dot_i16x8_s(v, lower));
        from += 2 * rowBytes;
        weight += 8;
      }
      u0 = i32x4.shr_u(i32x4.add(i32x4.shl(u0, 11), l0), 22);
      u1 = i32x4.shr_u(i32x4.add(i32x4.shl(u1, 11), l1), 22);
      u2 = i32x4.shr_u(i32x4.add(i32x4.shl(u2, 11), l2), 22);
      u3 = i32x4.shr_u(i32x4.add(i32x4.shl(u3, 11), l3), 22);
      v128.store(out + x, toBytes(u0, u1, u2, u3));
    }
    starts += 4;
    weights += (<usize>pairs) << 3;
    out += rowBytes;
  }
}
