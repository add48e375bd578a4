/** torch.optim.AdamW, without amsgrad; src/kernels/adamw.ts says what `decay`, `rate` and `root` are. */

/**
 * m ← β₁·m + (1 − β₁)·g; v ← β₂·v + (1 − β₂)·g²; p ← p − (decay·p + rate·m / (√v·root + ε)), for [length]. Nothing is written
 * while gate[0] is 0.
 */
export function adamw(
  parameter: usize,
  gradient: usize,
  mean: usize,
  square: usize,
  length: i32,
  decay: f32,
  beta1: f64,
  beta2: f64,
  rate: f32,
  root: f32,
  epsilon: f32,
  gate: usize,
): void {
  if (load<f32>(gate) == 0) return;
  // 1 − β of the float64: that of a float32 β is off by up to 2⁻²⁵ / (1 − β).
  const keepMean = <f32>beta1;
  const addMean = <f32>(1 - beta1);
  const keepSquare = <f32>beta2;
  const addSquare = <f32>(1 - beta2);
  const keepMean4 = f32x4.splat(keepMean);
  const addMean4 = f32x4.splat(addMean);
  const keepSquare4 = f32x4.splat(keepSquare);
  const addSquare4 = f32x4.splat(addSquare);
  const decay4 = f32x4.splat(decay);
  const rate4 = f32x4.splat(rate);
  const root4 = f32x4.splat(root);
  const epsilon4 = f32x4.splat(epsilon);
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const p = v128.load(parameter);
    const g = v128.load(gradient);
    const m = f32x4.add(f32x4.mul(keepMean4, v128.load(mean)), f32x4.mul(addMean4, g));
    const v = f32x4.add(f32x4.mul(keepSquare4, v128.load(square)), f32x4.mul(f32x4.mul(addSquare4, g), g));
    v128.store(mean, m);
    v128.store(square, v);
    const divisor = f32x4.add(f32x4.mul(f32x4.sqrt(v), root4), epsilon4);
    const change = f32x4.mul(rate4, f32x4.div(m, divisor));
    v128.store(parameter, f32x4.sub(p, f32x4.add(f32x4.mul(decay4, p), change)));
    parameter += 16;
    gradient += 16;
    mean += 16;
    square += 16;
  }
  for (; i < length; i++) {
    const p = load<f32>(parameter);
    const g = load<f32>(gradient);
    const m = keepMean * load<f32>(mean) + addMean * g;
    const v = keepSquare * load<f32>(square) + addSquare * g * g;
    store<f32>(mean, m);
    store<f32>(square, v);
    const divisor = Mathf.sqrt(v) * root + epsilon;
    store<f32>(parameter, p - (decay * p + rate * (m / divisor)));
    parameter += 4;
    gradient += 4;
    mean += 4;
    square += 4;
  }
}
