/** MoCo eq. (2): θk ← m·θk + (1 − m)·θq, written as the reference writes it, so m = 0 copies and m = 1 keeps exactly. */

/** key, query [length]; `complement` is 1 − m, taken in float64 before rounding. */
export function ema(key: usize, query: usize, length: i32, m: f32, complement: f32): void {
  const m4 = f32x4.splat(m);
  const c4 = f32x4.splat(complement);
  let i = 0;
  for (; i + 8 <= length; i += 8) {
    const a = f32x4.add(f32x4.mul(v128.load(key), m4), f32x4.mul(v128.load(query), c4));
    const b = f32x4.add(f32x4.mul(v128.load(key, 16), m4), f32x4.mul(v128.load(query, 16), c4));
    v128.store(key, a);
    v128.store(key, b, 16);
    key += 32;
    query += 32;
  }
  for (; i < length; i++) {
    store<f32>(key, load<f32>(key) * m + load<f32>(query) * complement);
    key += 4;
    query += 4;
  }
}
