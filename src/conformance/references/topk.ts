/** Nearest rows in float64. */

export function dot(a: Float32Array, i: number, b: Float32Array, j: number, dim: number): number {
  let sum = 0;
  for (let c = 0; c < dim; c++) sum += a[i * dim + c]! * b[j * dim + c]!;
  return sum;
}

/** The k best rows by exact dot product, ties by lower index. */
export function topKReference(
  queries: Float32Array,
  bank: Float32Array,
  q: number,
  m: number,
  dim: number,
  k: number,
): { indices: number[]; similarities: number[] } {
  const indices: number[] = [];
  const similarities: number[] = [];
  for (let r = 0; r < q; r++) {
    const all = Array.from({ length: m }, (_, j) => ({ j, s: dot(queries, r, bank, j, dim) }));
    all.sort((a, b) => b.s - a.s || a.j - b.j);
    for (const { j, s } of all.slice(0, k)) {
      indices.push(j);
      similarities.push(s);
    }
  }
  return { indices, similarities };
}
