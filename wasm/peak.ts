/** What 128-bit SIMD can do at most here. For the benchmark only. */

/**
 * Runs `rounds` × 56 flop: 7 chains of additions and 7 of multiplications that fit the registers and do not wait for each
 * other. `one` is 1, unknown to the compiler; the result keeps the work from being dropped.
 */
export function peak(rounds: i32, one: f32): f32 {
  const w = f32x4.splat(one);
  let a = w;
  let b = w;
  let c = w;
  let d = w;
  let e = w;
  let f = w;
  let g = w;
  let p = w;
  let q = w;
  let r = w;
  let s = w;
  let t = w;
  let u = w;
  let v = w;
  for (let round = 0; round < rounds; round++) {
    a = f32x4.add(a, w);
    p = f32x4.mul(p, w);
    b = f32x4.add(b, w);
    q = f32x4.mul(q, w);
    c = f32x4.add(c, w);
    r = f32x4.mul(r, w);
    d = f32x4.add(d, w);
    s = f32x4.mul(s, w);
    e = f32x4.add(e, w);
    t = f32x4.mul(t, w);
    f = f32x4.add(f, w);
    u = f32x4.mul(u, w);
    g = f32x4.add(g, w);
    v = f32x4.mul(v, w);
  }
  const sums = f32x4.add(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)), f32x4.add(f32x4.add(e, f), g));
  const products = f32x4.add(f32x4.add(f32x4.add(p, q), f32x4.add(r, s)), f32x4.add(f32x4.add(t, u), v));
  return f32x4.extract_lane(f32x4.add(sums, products), 0);
}
