/** The gradient of relu, by bits: nothing is rounded, and each NaN is itself. */
export function rectifiedGradient(dy: Float32Array, y: Float32Array): Float32Array {
  const dx = dy.slice();
  for (const [i, value] of y.entries()) {
    if (Number.isNaN(value)) dx.set(y.subarray(i, i + 1), i);
    else if (value <= 0) dx[i] = 0;
  }
  return dx;
}
