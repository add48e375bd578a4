/** Keys [N, C] written into a ring [K, C], one after the other. */
export function enqueued(
  queue: Float32Array,
  keys: Float32Array,
  pointer: number,
  queueSize: number,
  dim: number,
): Float32Array {
  const result = queue.slice();
  for (let i = 0; i * dim < keys.length; i++) {
    result.set(keys.subarray(i * dim, (i + 1) * dim), ((pointer + i) % queueSize) * dim);
  }
  return result;
}
