// −log softmax of a positive whose logit is 0, with m = max(0, the largest logit of the others) and S = Σ exp(aⱼ − m) over the
// others: m + ln(exp(−m) + S). Joined to the kernels that have such a loss. Where m = 0 it is ln(1 + S) without rounding 1 + S,
// so that a confident sample keeps its tiny loss.
//
// Operations: about 30.

// 2·artanh(s) = ln((1 + s)/(1 − s)) for |s| ≤ 1/3, by its series to s¹⁷.
fn twice_artanh(s: f32) -> f32 {
  let z = s * s;
  var p = 1.0 / 17.0;
  p = p * z + 1.0 / 15.0;
  p = p * z + 1.0 / 13.0;
  p = p * z + 1.0 / 11.0;
  p = p * z + 1.0 / 9.0;
  p = p * z + 1.0 / 7.0;
  p = p * z + 1.0 / 5.0;
  p = p * z + 1.0 / 3.0;
  return 2.0 * s + 2.0 * s * z * p;
}

// ln x for normal x ≥ 1 (WGSL's own has an absolute error of 2^-21 near 1): x = 2^e·f with f in [√½, √2).
fn natural_log(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  var e = f32(bits >> 23u) - 127.0;
  var f = bitcast<f32>((bits & 0x7fffffu) | 0x3f800000u);
  if (f > 1.41421356) {
    f *= 0.5;
    e += 1.0;
  }
  return e * 0.693147181 + twice_artanh((f - 1.0) / (f + 1.0));
}

// ln(1 + x), x ≥ 0.
fn natural_log1p(x: f32) -> f32 {
  if (x < 1.0) {
    return twice_artanh(x / (2.0 + x));
  }
  return natural_log(1.0 + x);
}

// exp(−m) + S.
fn softmax_total(m: f32, sum: f32) -> f32 {
  return select(exp(-m), 1.0, m == 0.0) + sum;
}

fn softmax_loss(m: f32, sum: f32) -> f32 {
  if (m == 0.0) {
    return natural_log1p(sum);
  }
  return m + natural_log(softmax_total(m, sum));
}
