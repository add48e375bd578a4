/** torch.optim.SGD without dampening or Nesterov; the learning rate stays outside the buffer, so it may change freely. */

/** d = g + wd·p; buf ← μ·buf + d; p ← p − lr·buf, for [length]. Nothing is written while gate[0] is 0. */
export function sgd(
  parameter: usize,
  gradient: usize,
  buffer: usize,
  length: i32,
  learningRate: f32,
  momentum: f32,
  weightDecay: f32,
  gate: usize,
): void {
  if (load<f32>(gate) == 0) return;
  const lr4 = f32x4.splat(learningRate);
  const mu4 = f32x4.splat(momentum);
  const wd4 = f32x4.splat(weightDecay);
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const p = v128.load(parameter);
    const d = f32x4.add(v128.load(gradient), f32x4.mul(wd4, p));
    const b = f32x4.add(f32x4.mul(mu4, v128.load(buffer)), d);
    v128.store(buffer, b);
    v128.store(parameter, f32x4.sub(p, f32x4.mul(lr4, b)));
    parameter += 16;
    gradient += 16;
    buffer += 16;
  }
  for (; i < length; i++) {
    const p = load<f32>(parameter);
    const d = load<f32>(gradient) + weightDecay * p;
    const b = momentum * load<f32>(buffer) + d;
    store<f32>(buffer, b);
    store<f32>(parameter, p - learningRate * b);
    parameter += 4;
    gradient += 4;
    buffer += 4;
  }
}
