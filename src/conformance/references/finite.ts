/** The gate after arrays: the one before, and 0 where a value is not finite. */
export function gateAfter(gate: number, arrays: readonly Float32Array[]): number {
  return arrays.every((array) => array.every(Number.isFinite)) ? gate : 0;
}
