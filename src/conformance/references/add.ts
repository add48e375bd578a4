/** a + b, each rounded once: the same bits everywhere, but for denormals on WebGPU. */
export function added(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => value + b[i]!);
}
