/** Is every value finite? NaN and ±∞ are the float32 with all exponent bits set. */

const EXPONENT: i32 = 0x7f800000;

/** 1 if all of x [length] are finite, else 0. */
export function finite(x: usize, length: i32): i32 {
  const mask = i32x4.splat(EXPONENT);
  let bad = i32x4.splat(0);
  let i = 0;
  for (; i + 8 <= length; i += 8) {
    bad = v128.or(bad, i32x4.eq(v128.and(v128.load(x), mask), mask));
    bad = v128.or(bad, i32x4.eq(v128.and(v128.load(x, 16), mask), mask));
    x += 32;
  }
  if (v128.any_true(bad)) return 0;
  for (; i < length; i++) {
    if ((load<i32>(x) & EXPONENT) == EXPONENT) return 0;
    x += 4;
  }
  return 1;
}
