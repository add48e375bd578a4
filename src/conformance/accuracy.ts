/**
 * What each backend promises of all kernels, as derived in docs/numerics.md. The bounds of one kernel stand with its
 * reference. All errors are relative unless they say otherwise.
 */

/** Unit roundoff of float32. */
export const U = 2 ** -24;

export interface Accuracy {
  readonly backend: 'wasm' | 'webgpu';
  /** Whether elementwise kernels give the bits of one float32 operation after the other. */
  readonly exact: boolean;
  /** Absolute: what may be lost to denormals. */
  readonly smallest: number;
  /** γ, absolute: a dot product of two unit rows. */
  dotBound(dim: number): number;
}

/** Bounds of one kernel on each backend. */
export type Bounds<B> = Readonly<Record<Accuracy['backend'], B>>;

export const WASM: Accuracy = {
  backend: 'wasm',
  exact: true,
  smallest: 2 ** -149,
  dotBound: (dim) => ((Math.ceil(dim / 16) * 16) / 4 + 2) * U,
};

/** WGSL: 1 ULP is 2U; exp 3 + 2·|x| ULP, division 2.5 ULP, sqrt 1/inverseSqrt = 2 + 2.5 ULP. Sums in any order. */
export const WEBGPU: Accuracy = {
  backend: 'webgpu',
  exact: false,
  smallest: 2 ** -124,
  dotBound: (dim) => (dim + 2) * U,
};
