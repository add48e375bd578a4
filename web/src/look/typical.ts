/** How alike any two photos are to an encoder: what a likeness has to be above to mean something. */

/** Mean cosine of all pairs of rows, in float64: (|Σ u|² − n) / (n (n − 1)) of the unit rows u. 0 for fewer than two rows. */
export function typicalSimilarity(rows: readonly Float32Array[]): number {
  const n = rows.length;
  if (n < 2) return 0;
  const sum = new Float64Array(rows[0]!.length);
  for (const row of rows) {
    let square = 0;
    for (const x of row) square += x * x;
    const length = Math.sqrt(square) || 1;
    for (let i = 0; i < row.length; i++) sum[i]! += row[i]! / length;
  }
  const square = sum.reduce((total, x) => total + x * x, 0);
  return (square - n) / (n * (n - 1));
}

/** Where a list of duplicates begins, at first: nineteen twentieths of the way from any two photos to the same. */
export function likelyDuplicate(typical: number): number {
  return Math.min(0.999, Math.max(0.8, Math.round(1000 * (1 - (1 - typical) / 20)) / 1000));
}
