/** Sums of two float32, rounded once: the same bits everywhere, but for denormals on WebGPU. */
export function accumulated(sum: Float32Array, x: Float32Array): Float32Array {
  return sum.map((s, i) => s + x[i]!);
}
