/** What differs between the execution providers of onnxruntime-web 1.30 (docs/performance.md has the measurements). */
export type Provider = 'wasm' | 'webgpu';

export interface Lowering {
  readonly provider: Provider;
  /** Weight gradients. webgpu has no split-K, so a Gemm over N·H·W would run on one workgroup a tile. */
  readonly weightGradient: 'gemm' | 'batched-matmul';
}

export const LOWERINGS: Readonly<Record<Provider, Lowering>> = {
  wasm: { provider: 'wasm', weightGradient: 'gemm' },
  webgpu: { provider: 'webgpu', weightGradient: 'batched-matmul' },
};
