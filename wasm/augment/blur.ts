/** Pillow's GaussianBlur: three box blurs along each axis, 8 bits between them. A box has `full` and, at its two ends, `far` weight. */
import { toBytes, weaveHigh, weaveLow } from './lanes';

const PASSES = 3;

/** 16 rows of 16 bytes on their way from rows to columns. */
const BLOCK = memory.data(256, 16);

/**
 * Blurs a canvas in place; beyond the border the border pixel goes on.
 * @param radius pixels with full weight on each side, at most 63: sums of their values have 15 bits.
 * @param full, far weights · 2²⁴
 * @param a, b scratch of 16 · (max(stride, height) + 2·radius + 2) bytes each
 */
export function blur(
  pixels: usize,
  stride: usize,
  width: i32,
  height: i32,
  radius: i32,
  full: i32,
  far: i32,
  a: usize,
  b: usize,
): void {
  const pad = (<usize>(radius + 1)) << 4;
  // Along rows, 16 of them at a time, of all colors: turned, so that a vector is a column of them.
  for (let y = 0; y < 3 * height; y += 16) {
    const rows = pixels + <usize>y * stride;
    for (let x: usize = 0; x < stride; x += 16) turn(rows + x, stride, a + pad + (x << 4), 16);
    const blurred = boxes(a, b, width, radius, full, far) + pad;
    for (let x: usize = 0; x < stride; x += 16) turn(blurred + (x << 4), 16, rows + x, stride);
  }
  const rowBytes = stride * 3;
  for (let x: usize = 0; x < rowBytes; x += 16) {
    let p = pixels + x;
    let q = a + pad;
    const end = q + ((<usize>height) << 4);
    for (; q < end; q += 16) {
      v128.store(q, v128.load(p));
      p += rowBytes;
    }
    p = pixels + x;
    q = boxes(a, b, height, radius, full, far) + pad;
    for (let y = 0; y < height; y++) {
      v128.store(p, v128.load(q));
      p += rowBytes;
      q += 16;
    }
  }
}

/** All passes over the `count` vectors that lie in `a`, with room for radius + 1 on both sides; gives where the result lies. */
function boxes(a: usize, b: usize, count: i32, radius: i32, full: i32, far: i32): usize {
  for (let i = 0; i < PASSES; i++) {
    repeatBorders(a, count, radius + 1);
    if (radius == 0) narrowBox(a, b, count, full, far);
    else box(a, b, count, radius, full, far);
    const swap = a;
    a = b;
    b = swap;
  }
  return a;
}

function repeatBorders(line: usize, count: i32, pad: i32): void {
  const first = line + ((<usize>pad) << 4);
  const last = first + ((<usize>(count - 1)) << 4);
  const before = v128.load(first);
  const after = v128.load(last);
  for (let i = 0; i < pad; i++) {
    v128.store(line + ((<usize>i) << 4), before);
    v128.store(last + ((<usize>(i + 1)) << 4), after);
  }
}

/** A weight of 24 bits for inner values and one for outer ones, upper or lower half, as a pair of 16-bit lanes. */
function pair(inner: i32, outer: i32): v128 {
  return i32x4.splat(inner | (outer << 16));
}

/** round(inner · full + outer · far) of four pixels, woven as 16-bit lanes: inner, outer, … The sums have 32 bits. */
function weighted(both: v128, upper: v128, lower: v128): v128 {
  const sum = i32x4.add(i32x4.shl(i32x4.dot_i16x8_s(both, upper), 12), i32x4.dot_i16x8_s(both, lower));
  return i32x4.shr_u(i32x4.add(sum, i32x4.splat(1 << 23)), 24);
}

function weave16Low(a: v128, b: v128): v128 {
  return v128.shuffle<u16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}

function weave16High(a: v128, b: v128): v128 {
  return v128.shuffle<u16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

/** One pass of radius 0, which σ < 1.41 has: out[i + 1] from in[i], in[i + 1], in[i + 2]. */
function narrowBox(from: usize, to: usize, count: i32, full: i32, far: i32): void {
  const upper = pair(full >> 12, far >> 12);
  const lower = pair(full & 4095, far & 4095);
  let values = v128.load(from);
  let beforeLow = i16x8.extend_low_i8x16_u(values);
  let beforeHigh = i16x8.extend_high_i8x16_u(values);
  values = v128.load(from, 16);
  let low = i16x8.extend_low_i8x16_u(values);
  let high = i16x8.extend_high_i8x16_u(values);
  for (let i = 0; i < count; i++) {
    values = v128.load(from, 32);
    const afterLow = i16x8.extend_low_i8x16_u(values);
    const afterHigh = i16x8.extend_high_i8x16_u(values);
    const outerLow = i16x8.add(beforeLow, afterLow);
    const outerHigh = i16x8.add(beforeHigh, afterHigh);
    const a = weighted(weave16Low(low, outerLow), upper, lower);
    const b = weighted(weave16High(low, outerLow), upper, lower);
    const c = weighted(weave16Low(high, outerHigh), upper, lower);
    const d = weighted(weave16High(high, outerHigh), upper, lower);
    v128.store(to, toBytes(a, b, c, d), 16);
    beforeLow = low;
    beforeHigh = high;
    low = afterLow;
    high = afterHigh;
    from += 16;
    to += 16;
  }
}

/** One pass of any radius: a running sum of the inner values. */
function box(from: usize, to: usize, count: i32, radius: i32, full: i32, far: i32): void {
  const upper = pair(full >> 12, far >> 12);
  const lower = pair(full & 4095, far & 4095);
  const span = (<usize>(2 * radius + 2)) << 4; // from the outer value before to the one after
  let innerLow = i16x8.splat(0);
  let innerHigh = innerLow;
  for (let p = from; p < from + span - 16; p += 16) {
    const values = v128.load(p);
    innerLow = i16x8.add(innerLow, i16x8.extend_low_i8x16_u(values));
    innerHigh = i16x8.add(innerHigh, i16x8.extend_high_i8x16_u(values));
  }
  to += span >> 1;
  for (let i = 0; i < count; i++) {
    const before = v128.load(from);
    const last = v128.load(from + span - 16);
    const after = v128.load(from + span);
    const beforeLow = i16x8.extend_low_i8x16_u(before);
    const beforeHigh = i16x8.extend_high_i8x16_u(before);
    innerLow = i16x8.add(innerLow, i16x8.sub(i16x8.extend_low_i8x16_u(last), beforeLow));
    innerHigh = i16x8.add(innerHigh, i16x8.sub(i16x8.extend_high_i8x16_u(last), beforeHigh));
    const outerLow = i16x8.add(beforeLow, i16x8.extend_low_i8x16_u(after));
    const outerHigh = i16x8.add(beforeHigh, i16x8.extend_high_i8x16_u(after));
    const a = weighted(weave16Low(innerLow, outerLow), upper, lower);
    const b = weighted(weave16High(innerLow, outerLow), upper, lower);
    const c = weighted(weave16Low(innerHigh, outerHigh), upper, lower);
    const d = weighted(weave16High(innerHigh, outerHigh), upper, lower);
    v128.store(to, toBytes(a, b, c, d));
    from += 16;
    to += 16;
  }
}

/** Writes 16 × 16 bytes with rows and columns exchanged; rows lie `pitch` bytes apart. */
function turn(from: usize, pitch: usize, to: usize, outPitch: usize): void {
  // Four rows at a time: their bytes are woven, which gives four columns of four in each vector.
  for (let i: usize = 0; i < 64; i += 16) {
    const a = v128.load(from);
    const b = v128.load(from + pitch);
    const c = v128.load(from + 2 * pitch);
    const d = v128.load(from + 3 * pitch);
    from += 4 * pitch;
    let x = weaveLow(a, b);
    let y = weaveLow(c, d);
    v128.store(BLOCK + i, weave16Low(x, y));
    v128.store(BLOCK + i, weave16High(x, y), 64);
    x = weaveHigh(a, b);
    y = weaveHigh(c, d);
    v128.store(BLOCK + i, weave16Low(x, y), 128);
    v128.store(BLOCK + i, weave16High(x, y), 192);
  }
  // Then the four of each.
  for (let i: usize = 0; i < 256; i += 64) {
    const a = v128.load(BLOCK + i);
    const b = v128.load(BLOCK + i, 16);
    const c = v128.load(BLOCK + i, 32);
    const d = v128.load(BLOCK + i, 48);
    let x = v128.shuffle<u32>(a, b, 0, 4, 1, 5);
    let y = v128.shuffle<u32>(c, d, 0, 4, 1, 5);
    v128.store(to, v128.shuffle<u64>(x, y, 0, 2));
    v128.store(to + outPitch, v128.shuffle<u64>(x, y, 1, 3));
    x = v128.shuffle<u32>(a, b, 2, 6, 3, 7);
    y = v128.shuffle<u32>(c, d, 2, 6, 3, 7);
    v128.store(to + 2 * outPitch, v128.shuffle<u64>(x, y, 0, 2));
    v128.store(to + 3 * outPitch, v128.shuffle<u64>(x, y, 1, 3));
    to += 4 * outPitch;
  }
}
