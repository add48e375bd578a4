/**
 * Row-wise L2 normalisation (torch.nn.functional.normalize) and its gradient. Rows are short, so sums are in float64:
 * squares of any float32 neither overflow nor vanish, and each output is rounded once.
 */

/** torch's clamp of the norm. */
const EPSILON: f64 = 1e-12;

/** x, y [rows, dim], norm [rows] (the norm itself, not clamped). y may be x. */
export function l2Normalize(x: usize, y: usize, norm: usize, rows: i32, dim: i32): void {
  for (let r = 0; r < rows; r++) {
    const length = Math.sqrt(dot64(x, x, dim));
    store<f32>(norm + ((<usize>r) << 2), <f32>length);
    const divisor = max(length, EPSILON);
    for (let i = 0; i < dim; i++) {
      store<f32>(y, <f32>(<f64>load<f32>(x) / divisor));
      x += 4;
      y += 4;
    }
  }
}

/** dx = (dy − y·(y·dy)) / norm; where the norm was clamped y = x/1e-12 is linear and dx = dy/1e-12. dx may be dy. */
export function l2NormalizeBackward(y: usize, norm: usize, dy: usize, dx: usize, rows: i32, dim: i32): void {
  for (let r = 0; r < rows; r++) {
    const length = <f64>load<f32>(norm + ((<usize>r) << 2));
    const clamped = length < EPSILON;
    const projection = clamped ? <f64>0 : dot64(y, dy, dim);
    const divisor = clamped ? EPSILON : length;
    for (let i = 0; i < dim; i++) {
      store<f32>(dx, <f32>((<f64>load<f32>(dy) - <f64>load<f32>(y) * projection) / divisor));
      y += 4;
      dy += 4;
      dx += 4;
    }
  }
}

/** Σ aᵢ·bᵢ in float64: two lanes, then both, then an odd last one. */
function dot64(a: usize, b: usize, length: i32): f64 {
  let sum = f64x2.splat(0);
  let i = 0;
  for (; i + 2 <= length; i += 2) {
    const x = f64x2.promote_low_f32x4(v128.load64_zero(a));
    const y = f64x2.promote_low_f32x4(v128.load64_zero(b));
    sum = f64x2.add(sum, f64x2.mul(x, y));
    a += 8;
    b += 8;
  }
  let total = f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
  if (i < length) total += <f64>load<f32>(a) * <f64>load<f32>(b);
  return total;
}
