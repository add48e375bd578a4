/** Rows of an array [*, dim], in the order of a list. */
export function gathered(source: Float32Array, rows: Uint32Array, dim: number): Float32Array {
  const result = new Float32Array(rows.length * dim);
  for (const [r, row] of rows.entries()) result.set(source.subarray(row * dim, (row + 1) * dim), r * dim);
  return result;
}
