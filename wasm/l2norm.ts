/**
 * Row-wise L2 normalization (torch.nn.functional.normalize). Rows are short, so sums are in float64: squares of any float32
 * neither overflow nor vanish, and each output is rounded once.
 */
import { dot64 } from './vector';

/** torch's clamp of the norm. */
export const EPSILON: f64 = 1e-12;

/** x, y [rows, dim], norm [rows] (the norm itself, not clamped). y may be x. */
export function l2norm(x: usize, y: usize, norm: usize, rows: i32, dim: i32): void {
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
