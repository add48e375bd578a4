/**
 * The gradient of BatchNorm (Ioffe & Szegedy, arXiv:1502.03167, section 3), a channel at a time over all images. With
 * c = x − mean − residual, r = 1/√(variance + ε), and M values of a channel:
 *
 *     dβ = Σdy     dγ = r·Σdy·c     dx = γ·r·(dy − dβ/M − c·r·dγ/M)
 *
 * Sums are float64. The second pass is float32: dx = ((dy − p) − (x − mean)·k)·g with k = r·dγ/M, p = dβ/M − residual·k, g = γ·r.
 *
 * Floor: reading dy and x and writing dx, which reads its lines too: 16 bytes a value, as a channel stays in the second-level cache.
 */
import { sumOf } from './batch-norm';
import { putFeatureGradients } from './batch-norm-features';

/** Σdy and Σdy·c of the channel at hand. Each thread has its own. */
let sum: f64 = 0;
let products: f64 = 0;

/** dy, x, dx [batch, channels, space]; of the others a number for each channel. All of them begin with the first of `count` channels. */
export function batchNormBackward(
  dy: usize,
  x: usize,
  gamma: usize,
  mean: usize,
  variance: usize,
  residual: usize,
  dx: usize,
  dGamma: usize,
  dBeta: usize,
  batch: i32,
  channels: i32,
  space: i32,
  count: i32,
  epsilon: f64,
): void {
  const plane = (<usize>space) << 2;
  const image = <usize>channels * plane;
  const values = <f64>batch * <f64>space;
  // Features have four channels side by side.
  for (let end = gamma + ((<usize>count) << 2); gamma < end; ) {
    const wide = space == 1 && gamma + 16 <= end;
    if (wide) {
      putFeatureGradients(dy, x, image, batch, gamma, mean, variance, residual, dx, dGamma, dBeta, epsilon);
    } else {
      const rest = <f64>load<f32>(residual);
      addProducts(dy, x, batch, image, plane, <f64>load<f32>(mean) + rest);
      const r = 1 / Math.sqrt(<f64>load<f32>(variance) + epsilon);
      store<f32>(dBeta, <f32>sum);
      store<f32>(dGamma, <f32>(r * products));
      const k = (r * r * products) / values;
      const p = sum / values - rest * k;
      const g = <f64>load<f32>(gamma) * r;
      putGradient(dy, x, dx, batch, image, plane, load<f32>(mean), <f32>k, <f32>p, <f32>g);
    }
    const done: usize = wide ? 16 : 4;
    dy += wide ? done : plane;
    x += wide ? done : plane;
    dx += wide ? done : plane;
    gamma += done;
    mean += done;
    variance += done;
    residual += done;
    dGamma += done;
    dBeta += done;
  }
}

/** Eight sums of values 0 and 1, 2 and 3, … of eight, and two of what is left of planes behind them: in this order for each channel. */
function addProducts(dy: usize, x: usize, batch: i32, image: usize, plane: usize, center: f64): void {
  const s = f64x2.splat(center);
  let a0 = f64x2.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  let b0 = a0;
  let b1 = a0;
  let b2 = a0;
  let b3 = a0;
  let tail: f64 = 0;
  let tailProducts: f64 = 0;
  for (let n = 0; n < batch; n++) {
    let p = x;
    let q = dy;
    const end = x + plane;
    for (; p + 32 <= end; p += 32) {
      let c = f64x2.sub(f64x2.promote_low_f32x4(v128.load64_zero(p)), s);
      let d = f64x2.promote_low_f32x4(v128.load64_zero(q));
      a0 = f64x2.add(a0, d);
      b0 = f64x2.add(b0, f64x2.mul(c, d));
      c = f64x2.sub(f64x2.promote_low_f32x4(v128.load64_zero(p, 8)), s);
      d = f64x2.promote_low_f32x4(v128.load64_zero(q, 8));
      a1 = f64x2.add(a1, d);
      b1 = f64x2.add(b1, f64x2.mul(c, d));
      c = f64x2.sub(f64x2.promote_low_f32x4(v128.load64_zero(p, 16)), s);
      d = f64x2.promote_low_f32x4(v128.load64_zero(q, 16));
      a2 = f64x2.add(a2, d);
      b2 = f64x2.add(b2, f64x2.mul(c, d));
      c = f64x2.sub(f64x2.promote_low_f32x4(v128.load64_zero(p, 24)), s);
      d = f64x2.promote_low_f32x4(v128.load64_zero(q, 24));
      a3 = f64x2.add(a3, d);
      b3 = f64x2.add(b3, f64x2.mul(c, d));
      q += 32;
    }
    for (; p < end; p += 4) {
      const d = <f64>load<f32>(q);
      tail += d;
      tailProducts += (<f64>load<f32>(p) - center) * d;
      q += 4;
    }
    x += image;
    dy += image;
  }
  sum = sumOf(a0, a1, a2, a3) + tail;
  products = sumOf(b0, b1, b2, b3) + tailProducts;
}

/** dx ← ((dy − p) − (x − mean)·k)·g */
function putGradient(
  dy: usize,
  x: usize,
  dx: usize,
  batch: i32,
  image: usize,
  plane: usize,
  mean: f32,
  k: f32,
  p: f32,
  g: f32,
): void {
  const m4 = f32x4.splat(mean);
  const k4 = f32x4.splat(k);
  const p4 = f32x4.splat(p);
  const g4 = f32x4.splat(g);
  for (let n = 0; n < batch; n++) {
    let at: usize = 0;
    for (; at + 32 <= plane; at += 32) {
      const c = f32x4.mul(f32x4.sub(v128.load(x + at), m4), k4);
      const d = f32x4.mul(f32x4.sub(v128.load(x + at, 16), m4), k4);
      const e = f32x4.sub(f32x4.sub(v128.load(dy + at), p4), c);
      const f = f32x4.sub(f32x4.sub(v128.load(dy + at, 16), p4), d);
      v128.store(dx + at, f32x4.mul(e, g4));
      v128.store(dx + at, f32x4.mul(f, g4), 16);
    }
    for (; at < plane; at += 4) {
      store<f32>(dx + at, (load<f32>(dy + at) - p - (load<f32>(x + at) - mean) * k) * g);
    }
    x += image;
    dy += image;
    dx += image;
  }
}
