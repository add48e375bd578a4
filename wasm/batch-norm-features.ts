/**
 * BatchNorm of features, [batch, channels], in which the values of a channel are a row apart: four channels at a time, lane by lane.
 * Each has the operations of batch-norm.ts and batch-norm-backward.ts in their order, so that no bit depends on where it stands.
 */

/** Two float32 as float64. */
function two(at: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(at));
}

function putTwo(at: usize, values: v128): void {
  v128.store64_lane(at, f32x4.demote_f64x2_zero(values), 0);
}

/** Two and two, rounded. */
function four(low: v128, high: v128): v128 {
  return v128.shuffle<f32>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5);
}

/** √(variance + ε) of two channels. */
function deviations(variance: usize, epsilon: f64): v128 {
  return f64x2.sqrt(f64x2.add(two(variance), f64x2.splat(epsilon)));
}

/** x [batch, channels] from the first of four channels on, with `row` bytes a row. */
export function putFeatureStatistics(
  x: usize,
  row: usize,
  batch: i32,
  mean: usize,
  variance: usize,
  residual: usize,
): void {
  const s = two(x);
  const t = two(x + 8);
  let a = f64x2.splat(0);
  let b = a;
  let aSquares = a;
  let bSquares = a;
  for (let n = 0; n < batch; n++) {
    const d = f64x2.sub(two(x), s);
    const e = f64x2.sub(two(x + 8), t);
    a = f64x2.add(a, d);
    b = f64x2.add(b, e);
    aSquares = f64x2.add(aSquares, f64x2.mul(d, d));
    bSquares = f64x2.add(bSquares, f64x2.mul(e, e));
    x += row;
  }
  putStatistics(s, a, aSquares, batch, mean, variance, residual);
  putStatistics(t, b, bSquares, batch, mean + 8, variance + 8, residual + 8);
}

function putStatistics(
  shift: v128,
  sum: v128,
  squares: v128,
  batch: i32,
  mean: usize,
  variance: usize,
  residual: usize,
): void {
  const count = f64x2.splat(<f64>batch);
  const rest = f64x2.div(sum, count);
  putTwo(mean, f64x2.add(shift, rest));
  putTwo(residual, f64x2.add(f64x2.sub(shift, two(mean)), rest));
  const found = f64x2.div(f64x2.sub(squares, f64x2.mul(sum, rest)), count);
  putTwo(variance, f64x2.max(f64x2.splat(0), found));
}

/** y ← (x − mean)·a + b of four channels. */
export function scaleFeatures(
  x: usize,
  y: usize,
  row: usize,
  batch: i32,
  gamma: usize,
  beta: usize,
  mean: usize,
  variance: usize,
  residual: usize,
  epsilon: f64,
): void {
  const low = f64x2.div(two(gamma), deviations(variance, epsilon));
  const high = f64x2.div(two(gamma + 8), deviations(variance + 8, epsilon));
  const a = four(low, high);
  const b = four(
    f64x2.sub(two(beta), f64x2.mul(two(residual), low)),
    f64x2.sub(two(beta + 8), f64x2.mul(two(residual + 8), high)),
  );
  const m = v128.load(mean);
  for (let n = 0; n < batch; n++) {
    v128.store(y, f32x4.add(f32x4.mul(f32x4.sub(v128.load(x), m), a), b));
    x += row;
    y += row;
  }
}

/** The gradients of four channels. */
export function putFeatureGradients(
  dy: usize,
  x: usize,
  row: usize,
  batch: i32,
  gamma: usize,
  mean: usize,
  variance: usize,
  residual: usize,
  dx: usize,
  dGamma: usize,
  dBeta: usize,
  epsilon: f64,
): void {
  const s = f64x2.add(two(mean), two(residual));
  const t = f64x2.add(two(mean + 8), two(residual + 8));
  let a = f64x2.splat(0);
  let b = a;
  let aProducts = a;
  let bProducts = a;
  for (let at: usize = 0, end = row * batch; at < end; at += row) {
    const d = two(dy + at);
    const e = two(dy + at + 8);
    a = f64x2.add(a, d);
    b = f64x2.add(b, e);
    aProducts = f64x2.add(aProducts, f64x2.mul(f64x2.sub(two(x + at), s), d));
    bProducts = f64x2.add(bProducts, f64x2.mul(f64x2.sub(two(x + at + 8), t), e));
  }
  putTwo(dBeta, a);
  putTwo(dBeta + 8, b);
  const one = f64x2.splat(1);
  const count = f64x2.splat(<f64>batch);
  const r = f64x2.div(one, deviations(variance, epsilon));
  const q = f64x2.div(one, deviations(variance + 8, epsilon));
  putTwo(dGamma, f64x2.mul(r, aProducts));
  putTwo(dGamma + 8, f64x2.mul(q, bProducts));
  const k = f64x2.div(f64x2.mul(f64x2.mul(r, r), aProducts), count);
  const l = f64x2.div(f64x2.mul(f64x2.mul(q, q), bProducts), count);
  const factor = four(k, l);
  const offset = four(
    f64x2.sub(f64x2.div(a, count), f64x2.mul(two(residual), k)),
    f64x2.sub(f64x2.div(b, count), f64x2.mul(two(residual + 8), l)),
  );
  const g = four(f64x2.mul(two(gamma), r), f64x2.mul(two(gamma + 8), q));
  const m = v128.load(mean);
  for (let at: usize = 0, end = row * batch; at < end; at += row) {
    const c = f32x4.mul(f32x4.sub(v128.load(x + at), m), factor);
    const d = f32x4.sub(v128.load(dy + at), offset);
    v128.store(dx + at, f32x4.mul(f32x4.sub(d, c), g));
  }
}
