/** y ← a + b, for [length]; y may be a, or b, or both. */
export function add(a: usize, b: usize, y: usize, length: i32): void {
  let i = 0;
  for (; i + 8 <= length; i += 8) {
    v128.store(y, f32x4.add(v128.load(a), v128.load(b)));
    v128.store(y, f32x4.add(v128.load(a, 16), v128.load(b, 16)), 16);
    a += 32;
    b += 32;
    y += 32;
  }
  for (; i < length; i++) {
    store<f32>(y, load<f32>(a) + load<f32>(b));
    a += 4;
    b += 4;
    y += 4;
  }
}
