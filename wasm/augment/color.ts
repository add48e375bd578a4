/**
 * Pillow's ImageEnhance and torchvision's PIL color operations. Pillow computes blends in float32 (Blend.c), each operation
 * rounded, and truncates; so do these lanes. `bytes` is the size of the canvas, 3·stride·height.
 */
import { toBytes, weaveHigh, weaveLow } from './lanes';

/** ITU-R 601 luma of 16 pixels as Pillow's convert('L') has it: 19595 R + 38470 G + 7471 B of 2¹⁶, rounded. */
function luma(red: v128, green: v128, blue: v128): v128 {
  // A weight of a 16-bit lane is below 2¹⁵, so green counts in two halves.
  const w1 = i16x8(19595, 19235, 19595, 19235, 19595, 19235, 19595, 19235);
  const w2 = i16x8(19235, 7471, 19235, 7471, 19235, 7471, 19235, 7471);
  let first = weaveLow(red, green);
  let second = weaveLow(green, blue);
  const a = weighted(i16x8.extend_low_i8x16_u(first), w1, i16x8.extend_low_i8x16_u(second), w2);
  const b = weighted(i16x8.extend_high_i8x16_u(first), w1, i16x8.extend_high_i8x16_u(second), w2);
  first = weaveHigh(red, green);
  second = weaveHigh(green, blue);
  const c = weighted(i16x8.extend_low_i8x16_u(first), w1, i16x8.extend_low_i8x16_u(second), w2);
  const d = weighted(i16x8.extend_high_i8x16_u(first), w1, i16x8.extend_high_i8x16_u(second), w2);
  return toBytes(a, b, c, d);
}

function weighted(first: v128, w1: v128, second: v128, w2: v128): v128 {
  const sum = i32x4.add(i32x4.dot_i16x8_s(first, w1), i32x4.dot_i16x8_s(second, w2));
  return i32x4.shr_u(i32x4.add(sum, i32x4.splat(0x8000)), 16);
}

/** truncate(base + alpha · difference), of whole numbers `base` and `difference`; toBytes clips it. */
function blended(base: v128, difference: v128, alpha: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.add(base, f32x4.mul(alpha, f32x4.convert_i32x4_s(difference))));
}

/** Sum of the luma of all pixels, of which there may be 67 million. */
export function sumOfLuma(pixels: usize, stride: usize, width: usize, height: i32): f64 {
  let sum = i32x4.splat(0);
  const whole = width & ~15;
  const ones = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const inside = i8x16.lt_u(ones, i8x16.splat(<i8>(width & 15)));
  for (let y = 0; y < height; y++) {
    for (let x: usize = 0; x < width; x += 16) {
      const p = pixels + x;
      let gray = luma(v128.load(p), v128.load(p + stride), v128.load(p + 2 * stride));
      if (x == whole) gray = v128.and(gray, inside);
      sum = i32x4.add(sum, i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(gray)));
    }
    pixels += 3 * stride;
  }
  return (
    <f64>(<u32>i32x4.extract_lane(sum, 0)) +
    <f64>(<u32>i32x4.extract_lane(sum, 1)) +
    <f64>(<u32>i32x4.extract_lane(sum, 2)) +
    <f64>(<u32>i32x4.extract_lane(sum, 3))
  );
}

/** RandomGrayscale: all three colors become the luma. */
export function grayscale(pixels: usize, stride: usize, height: i32): void {
  for (let y = 0; y < height; y++) {
    for (let x: usize = 0; x < stride; x += 16) {
      const p = pixels + x;
      const gray = luma(v128.load(p), v128.load(p + stride), v128.load(p + 2 * stride));
      v128.store(p, gray);
      v128.store(p + stride, gray);
      v128.store(p + 2 * stride, gray);
    }
    pixels += 3 * stride;
  }
}

/** Brightness (constant 0) and contrast (the mean gray): constant + alpha · (value − constant). */
export function blendWithConstant(pixels: usize, bytes: usize, constant: i32, alpha: f32): void {
  const base = f32x4.splat(<f32>constant);
  const minus = i16x8.splat(<i16>constant);
  const factor = f32x4.splat(alpha);
  for (const end = pixels + bytes; pixels < end; pixels += 16) {
    const values = v128.load(pixels);
    const low = i16x8.sub(i16x8.extend_low_i8x16_u(values), minus);
    const high = i16x8.sub(i16x8.extend_high_i8x16_u(values), minus);
    const a = blended(base, i32x4.extend_low_i16x8_s(low), factor);
    const b = blended(base, i32x4.extend_high_i16x8_s(low), factor);
    const c = blended(base, i32x4.extend_low_i16x8_s(high), factor);
    const d = blended(base, i32x4.extend_high_i16x8_s(high), factor);
    v128.store(pixels, toBytes(a, b, c, d));
  }
}

/** gray + alpha · (value − gray) of four times four pixels of one color. */
function saturateColor(
  p: usize,
  low: v128,
  high: v128,
  g0: v128,
  g1: v128,
  g2: v128,
  g3: v128,
  alpha: v128,
): void {
  const values = v128.load(p);
  const l = i16x8.sub(i16x8.extend_low_i8x16_u(values), low);
  const h = i16x8.sub(i16x8.extend_high_i8x16_u(values), high);
  const a = blended(g0, i32x4.extend_low_i16x8_s(l), alpha);
  const b = blended(g1, i32x4.extend_high_i16x8_s(l), alpha);
  const c = blended(g2, i32x4.extend_low_i16x8_s(h), alpha);
  const d = blended(g3, i32x4.extend_high_i16x8_s(h), alpha);
  v128.store(p, toBytes(a, b, c, d));
}

/** Blends each pixel with its luma. */
export function saturate(pixels: usize, stride: usize, height: i32, alpha: f32): void {
  const factor = f32x4.splat(alpha);
  for (let y = 0; y < height; y++) {
    for (let x: usize = 0; x < stride; x += 16) {
      const p = pixels + x;
      const gray = luma(v128.load(p), v128.load(p + stride), v128.load(p + 2 * stride));
      const low = i16x8.extend_low_i8x16_u(gray);
      const high = i16x8.extend_high_i8x16_u(gray);
      const g0 = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low));
      const g1 = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low));
      const g2 = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high));
      const g3 = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high));
      saturateColor(p, low, high, g0, g1, g2, g3, factor);
      saturateColor(p + stride, low, high, g0, g1, g2, g3, factor);
      saturateColor(p + 2 * stride, low, high, g0, g1, g2, g3, factor);
    }
    pixels += 3 * stride;
  }
}
