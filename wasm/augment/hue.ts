/**
 * torchvision's adjust_hue on a PIL image: to Pillow's 8-bit HSV, shift the hue, back (Pillow, Convert.c: rgb2hsv, hsv2rgb).
 * Pillow computes in float32 and float64. That these formulas give the same bytes has been tried on all there is to try, which is
 * little: saturation depends on (max, chroma), hue on (order of the colors, chroma, middle color), and each color of the result on
 * (max, saturation, hue). test/data/augment/pillow.test.ts does it again.
 */
import { toBytes } from './lanes';

/** Added to a float32 in −2²² … 2²², it leaves the nearest whole number in the low bits. */
const MAGIC: f32 = 12582912;
const MAGIC_BITS: i32 = 0x4b400000;

/** 8-bit hue of four pixels from h = base ± middle/chroma, −1 … 5 sixths of a turn: trunc(255 · (h/6 modulo 1)). */
function hueOf(base: v128, middle: v128, chroma: v128): v128 {
  const distance = f32x4.div(f32x4.convert_i32x4_s(middle), f32x4.convert_i32x4_s(chroma));
  const turn = f32x4.div(f32x4.add(f32x4.convert_i32x4_s(base), distance), f32x4.splat(6));
  const positive = f32x4.add(turn, v128.and(f32x4.lt(turn, f32x4.splat(0)), f32x4.splat(1)));
  return i32x4.trunc_sat_f32x4_s(f32x4.mul(positive, f32x4.splat(255)));
}

/** 8-bit hue of 16 pixels. Of gray ones, it is any. */
function hues(red: v128, green: v128, blue: v128, max: v128, min: v128, chroma: v128): v128 {
  // max − middle color: sums of bytes wrap, and what comes out is a byte again.
  const middle = i8x16.sub(i8x16.add(i8x16.add(max, max), min), i8x16.add(i8x16.add(red, green), blue));
  // The largest color, red before green before blue, gives the third of the circle; `rising`: the color after it is not smaller
  // than the one before.
  const isRed = i8x16.eq(max, red);
  const isGreen = i8x16.eq(max, green);
  const after = v128.bitselect(green, v128.bitselect(blue, red, isGreen), isRed);
  const before = v128.bitselect(blue, v128.bitselect(red, green, isGreen), isRed);
  const rising = i8x16.ge_u(after, before);
  const third = v128.andnot(v128.bitselect(i8x16.splat(2), i8x16.splat(4), isGreen), isRed);
  const base = i8x16.add(i8x16.sub(third, i8x16.splat(1)), v128.and(rising, i8x16.splat(2)));
  const divisor = i8x16.max_u(chroma, i8x16.splat(1));

  let sign = i16x8.extend_low_i8x16_s(rising);
  let m = i16x8.sub(v128.xor(i16x8.extend_low_i8x16_u(middle), sign), sign);
  let b = i16x8.extend_low_i8x16_s(base);
  let d = i16x8.extend_low_i8x16_u(divisor);
  const h0 = hueOf(i32x4.extend_low_i16x8_s(b), i32x4.extend_low_i16x8_s(m), i32x4.extend_low_i16x8_s(d));
  const h1 = hueOf(i32x4.extend_high_i16x8_s(b), i32x4.extend_high_i16x8_s(m), i32x4.extend_high_i16x8_s(d));
  sign = i16x8.extend_high_i8x16_s(rising);
  m = i16x8.sub(v128.xor(i16x8.extend_high_i8x16_u(middle), sign), sign);
  b = i16x8.extend_high_i8x16_s(base);
  d = i16x8.extend_high_i8x16_u(divisor);
  const h2 = hueOf(i32x4.extend_low_i16x8_s(b), i32x4.extend_low_i16x8_s(m), i32x4.extend_low_i16x8_s(d));
  const h3 = hueOf(i32x4.extend_high_i16x8_s(b), i32x4.extend_high_i16x8_s(m), i32x4.extend_high_i16x8_s(d));
  return toBytes(h0, h1, h2, h3);
}

/** 8-bit saturation of four pixels: trunc(255 · chroma / max). */
function saturationOf(chroma255: v128, max: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.div(f32x4.convert_i32x4_s(chroma255), f32x4.convert_i32x4_s(max)));
}

/** 8-bit saturation of 16 pixels; black has none. */
function saturations(max: v128, chroma: v128): v128 {
  const all = i16x8.splat(255);
  const divisor = i8x16.max_u(max, i8x16.splat(1));
  let c = i16x8.mul(i16x8.extend_low_i8x16_u(chroma), all);
  let m = i16x8.extend_low_i8x16_u(divisor);
  const s0 = saturationOf(i32x4.extend_low_i16x8_u(c), i32x4.extend_low_i16x8_u(m));
  const s1 = saturationOf(i32x4.extend_high_i16x8_u(c), i32x4.extend_high_i16x8_u(m));
  c = i16x8.mul(i16x8.extend_high_i8x16_u(chroma), all);
  m = i16x8.extend_high_i8x16_u(divisor);
  const s2 = saturationOf(i32x4.extend_low_i16x8_u(c), i32x4.extend_low_i16x8_u(m));
  const s3 = saturationOf(i32x4.extend_high_i16x8_u(c), i32x4.extend_high_i16x8_u(m));
  return toBytes(s0, s1, s2, s3);
}

/**
 * One color of eight pixels: round(max · (1 − saturation/255 · m/85)). `m` is how far, in 85ths, the hue is from where this
 * color is as large as the largest, on the way to where it is the smallest. Of an odd denominator there are no ties.
 */
function colorOf(max: v128, saturation: v128, m: v128): v128 {
  const rest = i16x8.sub(i16x8.splat(21675), i16x8.mul(saturation, m)); // of 255 · 85
  return i16x8.narrow_i32x4_s(
    scaled(i32x4.extmul_low_i16x8_s(max, rest)),
    scaled(i32x4.extmul_high_i16x8_s(max, rest)),
  );
}

function scaled(product: v128): v128 {
  const value = f32x4.mul(f32x4.convert_i32x4_s(product), f32x4.splat(<f32>(1.0 / 21675.0)));
  return i32x4.sub(f32x4.add(value, f32x4.splat(MAGIC)), i32x4.splat(MAGIC_BITS));
}

function clamped(m: v128): v128 {
  return i16x8.min_s(i16x8.max_s(m, i16x8.splat(0)), i16x8.splat(85));
}

/** How far `hue` is from `place`, both 0 … 510: a turn is 6 · 85. */
function away(hue: v128, place: i16): v128 {
  return i16x8.abs(i16x8.sub(hue, i16x8.splat(place)));
}

/** @param shift 0 … 255, added to the 8-bit hue modulo 256. */
export function shiftHue(pixels: usize, stride: usize, height: i32, shift: i32): void {
  const added = i8x16.splat(<i8>shift);
  const one = i16x8.splat(85);
  const two = i16x8.splat(170);
  for (let y = 0; y < height; y++) {
    for (let x: usize = 0; x < stride; x += 16) {
      const p = pixels + x;
      const red = v128.load(p);
      const green = v128.load(p + stride);
      const blue = v128.load(p + 2 * stride);
      const max = i8x16.max_u(i8x16.max_u(red, green), blue);
      const min = i8x16.min_u(i8x16.min_u(red, green), blue);
      const chroma = i8x16.sub(max, min);
      const saturation = saturations(max, chroma);
      const hue = i8x16.add(hues(red, green, blue, max, min, chroma), added);

      let h = i16x8.shl(i16x8.extend_low_i8x16_u(hue), 1);
      let s = i16x8.extend_low_i8x16_u(saturation);
      let m = i16x8.extend_low_i8x16_u(max);
      // Red is the smallest around 255; green is the largest around 170, blue around 340.
      const r = colorOf(m, s, clamped(i16x8.sub(two, away(h, 255))));
      const g = colorOf(m, s, clamped(i16x8.sub(away(h, 170), one)));
      const b = colorOf(m, s, clamped(i16x8.sub(away(h, 340), one)));
      h = i16x8.shl(i16x8.extend_high_i8x16_u(hue), 1);
      s = i16x8.extend_high_i8x16_u(saturation);
      m = i16x8.extend_high_i8x16_u(max);
      v128.store(p, i8x16.narrow_i16x8_u(r, colorOf(m, s, clamped(i16x8.sub(two, away(h, 255))))));
      v128.store(p + stride, i8x16.narrow_i16x8_u(g, colorOf(m, s, clamped(i16x8.sub(away(h, 170), one)))));
      v128.store(
        p + 2 * stride,
        i8x16.narrow_i16x8_u(b, colorOf(m, s, clamped(i16x8.sub(away(h, 340), one)))),
      );
    }
    pixels += 3 * stride;
  }
}
