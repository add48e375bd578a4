/**
 * Exponential moving average: MoCo eq. (2), θk ← m·θk + (1 − m)·θq, written as the reference writes it, so m = 0
 * copies and m = 1 keeps exactly; and the running statistics of BatchNorm.
 */

/** target ← a·target + b·source, for [length]. Nothing is written while gate[0] is 0; a gate at address 0 is open. */
export function ema(target: usize, source: usize, length: i32, a: f32, b: f32, gate: usize): void {
  if (gate != 0 && load<f32>(gate) == 0) return;
  const a4 = f32x4.splat(a);
  const b4 = f32x4.splat(b);
  let i = 0;
  for (; i + 8 <= length; i += 8) {
    const low = f32x4.add(f32x4.mul(v128.load(target), a4), f32x4.mul(v128.load(source), b4));
    const high = f32x4.add(f32x4.mul(v128.load(target, 16), a4), f32x4.mul(v128.load(source, 16), b4));
    v128.store(target, low);
    v128.store(target, high, 16);
    target += 32;
    source += 32;
  }
  for (; i < length; i++) {
    store<f32>(target, load<f32>(target) * a + load<f32>(source) * b);
    target += 4;
    source += 4;
  }
}
