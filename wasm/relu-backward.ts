/** dx ← dy where y > 0, y where it is NaN, else 0, for [length]; dx may be dy, or y. */
export function reluBackward(dy: usize, y: usize, dx: usize, length: i32): void {
  let i = 0;
  for (; i + 8 <= length; i += 8) {
    v128.store(dx, masked(v128.load(dy), v128.load(y)));
    v128.store(dx, masked(v128.load(dy, 16), v128.load(y, 16)), 16);
    dy += 32;
    y += 32;
    dx += 32;
  }
  for (; i < length; i++) {
    const value = load<f32>(y);
    store<f32>(dx, value > 0 ? load<f32>(dy) : value <= 0 ? 0 : value);
    dy += 4;
    y += 4;
    dx += 4;
  }
}

function masked(dy: v128, y: v128): v128 {
  const kept = v128.and(dy, f32x4.gt(y, f32x4.splat(0)));
  return v128.bitselect(y, kept, f32x4.ne(y, y));
}
