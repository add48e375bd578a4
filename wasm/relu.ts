/**
 * y ← 0 where x < 0, else x, for [length]; y may be x. A pmax compares and chooses, in one instruction of x86: a NaN stays
 * itself on every machine, where the NaN that a max gives may be any.
 */
export function relu(x: usize, y: usize, length: i32): void {
  const zero = f32x4.splat(0);
  let i = 0;
  for (; i + 8 <= length; i += 8) {
    v128.store(y, f32x4.pmax(v128.load(x), zero));
    v128.store(y, f32x4.pmax(v128.load(x, 16), zero), 16);
    x += 32;
    y += 32;
  }
  for (; i < length; i++) {
    const value = load<f32>(x);
    store<f32>(y, value < 0 ? 0 : value);
    x += 4;
    y += 4;
  }
}
