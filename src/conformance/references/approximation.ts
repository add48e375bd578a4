/** Results of elementwise kernels: in float64, how far from it they may be, and as bits. */

export interface Bounded {
  exact: Float64Array;
  bound: Float64Array;
}

export interface Approximation extends Bounded {
  /** What a backend gives that neither fuses nor reorders. */
  bits: Float32Array;
}

export function approximation(length: number): Approximation {
  return {
    exact: new Float64Array(length),
    bound: new Float64Array(length),
    bits: new Float32Array(length),
  };
}
