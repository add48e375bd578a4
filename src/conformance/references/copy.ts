/** The target after a copy, bit for bit. No gate is an open one. */
export function copied(target: Float32Array, source: Float32Array, gate?: number): Float32Array {
  return gate === 0 ? target : source;
}
