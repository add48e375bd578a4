/** Matrix products in float64, in blocks that keep a processor busy, each sum in a fixed order. */

/**
 * out [rows, classes] ← x [rows, dim] · wᵀ [dim, classes]; rows even, classes a multiple of four. Each sum goes from the
 * first dimension to the last. Eight of them side by side: the processor need not wait for one addition after the other.
 */
export function dotProducts(
  x: Float64Array,
  w: Float64Array,
  rows: number,
  classes: number,
  dim: number,
  out: Float64Array,
): void {
  for (let r = 0; r < rows; r += 2) {
    const [xa, xb] = [r * dim, (r + 1) * dim];
    for (let k = 0; k < classes; k += 4) {
      const [w0, w1, w2, w3] = [k * dim, (k + 1) * dim, (k + 2) * dim, (k + 3) * dim];
      let [a0, a1, a2, a3, b0, b1, b2, b3] = [0, 0, 0, 0, 0, 0, 0, 0];
      for (let c = 0; c < dim; c++) {
        const a = x[xa + c]!;
        const b = x[xb + c]!;
        const p = w[w0 + c]!;
        const q = w[w1 + c]!;
        const s = w[w2 + c]!;
        const t = w[w3 + c]!;
        a0 += a * p;
        a1 += a * q;
        a2 += a * s;
        a3 += a * t;
        b0 += b * p;
        b1 += b * q;
        b2 += b * s;
        b3 += b * t;
      }
      out.set([a0, a1, a2, a3], r * classes + k);
      out.set([b0, b1, b2, b3], (r + 1) * classes + k);
    }
  }
}

/** out [classes, dim] ← dᵀ · x, with d [rows, stride] and x [rows, dim]; rows a multiple of four, taken in order. */
export function outerProducts(
  d: Float64Array,
  x: Float64Array,
  shape: {
    readonly rows: number;
    readonly classes: number;
    readonly stride: number;
    readonly dim: number;
  },
  out: Float64Array,
): void {
  const { rows, classes, stride, dim } = shape;
  out.fill(0);
  for (let r = 0; r < rows; r += 4) {
    const [x0, x1, x2, x3] = [r * dim, (r + 1) * dim, (r + 2) * dim, (r + 3) * dim];
    for (let k = 0; k < classes; k++) {
      const at = r * stride + k;
      const [d0, d1, d2, d3] = [d[at]!, d[at + stride]!, d[at + 2 * stride]!, d[at + 3 * stride]!];
      const o = k * dim;
      for (let c = 0; c < dim; c++) {
        out[o + c]! += d0 * x[x0 + c]! + d1 * x[x1 + c]! + d2 * x[x2 + c]! + d3 * x[x3 + c]!;
      }
    }
  }
}
