/** The gradient of row-wise L2 normalization, with sums in float64 as in l2norm.ts. */
import { EPSILON } from './l2norm';
import { dot64 } from './vector';

/** dx = (dy − y·(y·dy)) / norm; where the norm was clamped y = x/1e-12 is linear and dx = dy/1e-12. dx may be dy. */
export function l2normBackward(y: usize, norm: usize, dy: usize, dx: usize, rows: i32, dim: i32): void {
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
