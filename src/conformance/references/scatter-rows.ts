/** A target [*, dim] after rows were put into the places of a list. */
export function scattered(
  target: Float32Array,
  source: Float32Array,
  rows: Uint32Array,
  dim: number,
): Float32Array {
  const result = target.slice();
  for (const [r, row] of rows.entries()) result.set(source.subarray(r * dim, (r + 1) * dim), row * dim);
  return result;
}
