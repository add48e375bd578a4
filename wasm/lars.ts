/** LARS: the squared lengths that it goes by, and its step. */
import { promoteHigh } from './vector';

/**
 * sums [2], in float64 ← Σp², Σ(g + wd·p)², for [length]. Four sums each, then 0+2, 1+3, then both: the same bits for the same
 * elements. Squares of float32 neither overflow nor vanish.
 */
export function larsNorms(
  parameter: usize,
  gradient: usize,
  length: i32,
  weightDecay: f64,
  sums: usize,
): void {
  const wd2 = f64x2.splat(weightDecay);
  let pLow = f64x2.splat(0);
  let pHigh = pLow;
  let dLow = pLow;
  let dHigh = pLow;
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const p4 = v128.load(parameter);
    const g4 = v128.load(gradient);
    let p = f64x2.promote_low_f32x4(p4);
    let d = f64x2.add(f64x2.promote_low_f32x4(g4), f64x2.mul(wd2, p));
    pLow = f64x2.add(pLow, f64x2.mul(p, p));
    dLow = f64x2.add(dLow, f64x2.mul(d, d));
    p = promoteHigh(p4);
    d = f64x2.add(promoteHigh(g4), f64x2.mul(wd2, p));
    pHigh = f64x2.add(pHigh, f64x2.mul(p, p));
    dHigh = f64x2.add(dHigh, f64x2.mul(d, d));
    parameter += 16;
    gradient += 16;
  }
  pLow = f64x2.add(pLow, pHigh);
  dLow = f64x2.add(dLow, dHigh);
  let pSum = f64x2.extract_lane(pLow, 0) + f64x2.extract_lane(pLow, 1);
  let dSum = f64x2.extract_lane(dLow, 0) + f64x2.extract_lane(dLow, 1);
  for (; i < length; i++) {
    const p = <f64>load<f32>(parameter);
    const d = <f64>load<f32>(gradient) + weightDecay * p;
    pSum += p * p;
    dSum += d * d;
    parameter += 4;
    gradient += 4;
  }
  store<f64>(sums, pSum);
  store<f64>(sums, dSum, 8);
}

/** d = scale·(g + wd·p); buf ← μ·buf + d; p ← p − rate·buf, for [length]. Nothing is written while gate[0] is 0. */
export function lars(
  parameter: usize,
  gradient: usize,
  buffer: usize,
  length: i32,
  momentum: f32,
  weightDecay: f32,
  scale: f32,
  rate: f32,
  gate: usize,
): void {
  if (load<f32>(gate) == 0) return;
  const mu4 = f32x4.splat(momentum);
  const wd4 = f32x4.splat(weightDecay);
  const scale4 = f32x4.splat(scale);
  const rate4 = f32x4.splat(rate);
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const p = v128.load(parameter);
    const d = f32x4.mul(scale4, f32x4.add(v128.load(gradient), f32x4.mul(wd4, p)));
    const b = f32x4.add(f32x4.mul(mu4, v128.load(buffer)), d);
    v128.store(buffer, b);
    v128.store(parameter, f32x4.sub(p, f32x4.mul(rate4, b)));
    parameter += 16;
    gradient += 16;
    buffer += 16;
  }
  for (; i < length; i++) {
    const p = load<f32>(parameter);
    const d = scale * (load<f32>(gradient) + weightDecay * p);
    const b = momentum * load<f32>(buffer) + d;
    store<f32>(buffer, b);
    store<f32>(parameter, p - rate * b);
    parameter += 4;
    gradient += 4;
    buffer += 4;
  }
}
