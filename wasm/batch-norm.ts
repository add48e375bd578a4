/**
 * BatchNorm in training (Ioffe & Szegedy, arXiv:1502.03167, algorithm 1), a channel at a time over all images:
 *
 *     mean = Σx/M     variance = Σ(x − mean)²/M     y = (x − mean)·a + b,   a = γ/√(variance + ε),   b = β − residual·a
 *
 * `mean` is a float32; what its rounding takes off, `residual`, is in b, so that a large mean costs no digits. One pass gives both
 * sums, in float64, of d = x − s, where s is the mean of the first image. Nothing that counts cancels in Σd² − (Σd)²/M: of N images
 * (s − mean)² is at most (N − 1)·variance, and float64 has 29 bits more than the result.
 * y follows from the float32 statistics, so that it has the same bits where these are given.
 *
 * Floor: reading x and writing y, which reads its lines too: 12 bytes a value, as a channel stays in the second-level cache.
 */
import { putFeatureStatistics, scaleFeatures } from './batch-norm-features';

/** Σd and Σd² of the channel at hand. Each thread has its own. */
let sum: f64 = 0;
let squares: f64 = 0;

/**
 * x, y [batch, channels, space]; of the others a number for each channel. All of them begin with the first of `count` channels.
 * `given`: mean, variance and residual are there already.
 */
export function batchNorm(
  x: usize,
  gamma: usize,
  beta: usize,
  y: usize,
  mean: usize,
  variance: usize,
  residual: usize,
  batch: i32,
  channels: i32,
  space: i32,
  count: i32,
  epsilon: f64,
  given: i32,
): void {
  const plane = (<usize>space) << 2;
  const image = <usize>channels * plane;
  // Features have four channels side by side.
  for (let end = gamma + ((<usize>count) << 2); gamma < end; ) {
    const wide = space == 1 && gamma + 16 <= end;
    if (wide) {
      if (!given) putFeatureStatistics(x, image, batch, mean, variance, residual);
      scaleFeatures(x, y, image, batch, gamma, beta, mean, variance, residual, epsilon);
    } else {
      if (!given) {
        const shift = addPlane(x, plane, 0) / <f64>space;
        addMoments(x, batch, image, plane, shift);
        putStatistics(shift, <f64>batch * <f64>space, mean, variance, residual);
      }
      const a = <f64>load<f32>(gamma) / Math.sqrt(<f64>load<f32>(variance) + epsilon);
      const b = <f64>load<f32>(beta) - <f64>load<f32>(residual) * a;
      scaleChannel(x, y, batch, image, plane, load<f32>(mean), <f32>a, <f32>b);
    }
    const done: usize = wide ? 16 : 4;
    x += wide ? done : plane;
    y += wide ? done : plane;
    gamma += done;
    beta += done;
    mean += done;
    variance += done;
    residual += done;
  }
}

/** `total` and the values of a plane, one after the other. */
function addPlane(x: usize, plane: usize, total: f64): f64 {
  for (const end = x + plane; x < end; x += 4) total += <f64>load<f32>(x);
  return total;
}

function putStatistics(shift: f64, count: f64, mean: usize, variance: usize, residual: usize): void {
  const rest = sum / count;
  const rounded = <f32>(shift + rest);
  store<f32>(mean, rounded);
  store<f32>(residual, <f32>(shift - <f64>rounded + rest));
  // `max` keeps NaN.
  store<f32>(variance, <f32>max<f64>(0, (squares - sum * rest) / count));
}

/** Eight sums of values 0 and 1, 2 and 3, … of eight, and two of what is left of planes behind them: in this order for each channel. */
function addMoments(x: usize, batch: i32, image: usize, plane: usize, shift: f64): void {
  const s = f64x2.splat(shift);
  let a0 = f64x2.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  let b0 = a0;
  let b1 = a0;
  let b2 = a0;
  let b3 = a0;
  let tail: f64 = 0;
  let tailSquares: f64 = 0;
  for (let n = 0; n < batch; n++) {
    let p = x;
    const end = x + plane;
    for (; p + 32 <= end; p += 32) {
      let d = f64x2.sub(f64x2.promote_low_f32x4(v128.load64_zero(p)), s);
      a0 = f64x2.add(a0, d);
      b0 = f64x2.add(b0, f64x2.mul(d, d));
      d = f64x2.sub(f64x2.promote_low_f32x4(v128.load64_zero(p, 8)), s);
      a1 = f64x2.add(a1, d);
      b1 = f64x2.add(b1, f64x2.mul(d, d));
      d = f64x2.sub(f64x2.promote_low_f32x4(v128.load64_zero(p, 16)), s);
      a2 = f64x2.add(a2, d);
      b2 = f64x2.add(b2, f64x2.mul(d, d));
      d = f64x2.sub(f64x2.promote_low_f32x4(v128.load64_zero(p, 24)), s);
      a3 = f64x2.add(a3, d);
      b3 = f64x2.add(b3, f64x2.mul(d, d));
    }
    for (; p < end; p += 4) {
      const d = <f64>load<f32>(p) - shift;
      tail += d;
      tailSquares += d * d;
    }
    x += image;
  }
  sum = sumOf(a0, a1, a2, a3) + tail;
  squares = sumOf(b0, b1, b2, b3) + tailSquares;
}

/** All lanes of four vectors. */
export function sumOf(a: v128, b: v128, c: v128, d: v128): f64 {
  const all = f64x2.add(f64x2.add(a, b), f64x2.add(c, d));
  return f64x2.extract_lane(all, 0) + f64x2.extract_lane(all, 1);
}

/** y ← (x − mean)·a + b */
function scaleChannel(
  x: usize,
  y: usize,
  batch: i32,
  image: usize,
  plane: usize,
  mean: f32,
  a: f32,
  b: f32,
): void {
  const m4 = f32x4.splat(mean);
  const a4 = f32x4.splat(a);
  const b4 = f32x4.splat(b);
  for (let n = 0; n < batch; n++) {
    let p = x;
    let q = y;
    const end = x + plane;
    for (; p + 32 <= end; p += 32) {
      const first = f32x4.mul(f32x4.sub(v128.load(p), m4), a4);
      const second = f32x4.mul(f32x4.sub(v128.load(p, 16), m4), a4);
      v128.store(q, f32x4.add(first, b4));
      v128.store(q, f32x4.add(second, b4), 16);
      q += 32;
    }
    for (; p < end; p += 4) {
      store<f32>(q, (load<f32>(p) - mean) * a + b);
      q += 4;
    }
    x += image;
    y += image;
  }
}
