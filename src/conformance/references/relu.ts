/** x with 0 in the place of what is below it. Nothing is rounded, and other bits stay what they are. */
export function rectified(x: Float32Array): Float32Array {
  const y = x.slice();
  for (const [i, value] of x.entries()) if (value < 0) y[i] = 0;
  return y;
}
