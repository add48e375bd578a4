/**
 * exp and log of our own: results reach the weights, so they must not depend on the machine's C library.
 * Only IEEE additions, multiplications and divisions in a fixed order.
 */

/**
 * exp(x) in four lanes for x ≤ 0 (all that a softmax with its maximum subtracted needs), within 1 ulp (test/kernels).
 * exp(0) is exactly 1. Below −87.3 (results under 2^-126) it is exactly 0. NaN stays NaN.
 *
 * x = n·ln 2 + r with |r| ≤ ½ ln 2; ln 2 is split in two so that n·high is exact (Cody and Waite). exp(r) =
 * 1 + (r + r²·p(r)), p the minimax polynomial of Cephes' expf.
 */
export function exp4(x: v128): v128 {
  const underflow = f32x4.lt(x, f32x4.splat(-87.3));
  const n = f32x4.nearest(f32x4.mul(f32x4.max(x, f32x4.splat(-87.3)), f32x4.splat(1.44269504088896341)));
  let r = f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(-2.1219444e-4)));
  let p = f32x4.splat(1.98756915e-4);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.3981999507e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3334519073e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1665795894e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666665459e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.0000001201e-1));
  p = f32x4.add(f32x4.mul(p, f32x4.mul(r, r)), r);
  p = f32x4.add(p, f32x4.splat(1));
  // 2^n by its exponent bits; n ≥ −126 here, so the result is a normal number.
  const scale = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return v128.andnot(f32x4.mul(p, scale), underflow);
}

/** exp of one number, by the same code as the lanes. */
export function exp(x: f32): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x)), 0);
}

/**
 * ln(x) in float64 for normal x > 0, relative error below 1e-15 away from 1.
 * x = 2^e·m with m in [√½, √2); ln m = 2·artanh(s), s = (m − 1)/(m + 1), |s| ≤ 0.172, series to s²¹.
 */
export function log(x: f64): f64 {
  let bits = reinterpret<u64>(x);
  let e = <i32>(bits >> 52) - 1023;
  bits = (bits & 0x000fffffffffffff) | 0x3ff0000000000000;
  let m = reinterpret<f64>(bits);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    e += 1;
  }
  const s = (m - 1) / (m + 1);
  const z = s * s;
  let p: f64 = 1.0 / 21.0;
  for (let k: f64 = 19; k > 0; k -= 2) p = p * z + 1.0 / k;
  return <f64>e * 0.6931471805599453 + 2 * s * p;
}

/** ln(1 + x) for x ≥ 0; what 1 + x rounds away is put back, so tiny x lose nothing. NaN stays NaN, ∞ stays ∞. */
export function log1p(x: f64): f64 {
  const u = 1 + x;
  if (!(u - u == 0)) return u;
  return log(u) + (x - (u - 1)) / u;
}

/** y = exp(x) for `length` (a multiple of 4) numbers ≤ 0: for tests. */
export function expArray(x: usize, y: usize, length: i32): void {
  for (let i = 0; i < length; i += 4) {
    v128.store(y + ((<usize>i) << 2), exp4(v128.load(x + ((<usize>i) << 2))));
  }
}
