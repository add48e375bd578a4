/** Sums of float32, each rounded once: the same bits everywhere, but for denormals on WebGPU. */
export function accumulated(sum: Float32Array, x: Float32Array): Float32Array {
  return sum.map((s, i) => s + x[i]!);
}

/** The same of several rows, one after the other; in the place of what was there where `sum` is null. */
export function accumulatedRows(sum: Float32Array | null, x: Float32Array, length: number): Float32Array {
  const rows = Array.from({ length: x.length / length }, (_, row) =>
    x.subarray(row * length, (row + 1) * length),
  );
  return sum ? rows.reduce(accumulated, sum) : rows.slice(1).reduce(accumulated, rows[0]!);
}
