/** What differs between the execution providers of onnxruntime-web 1.30 (docs/performance.md has the measurements). */
export type Provider = 'wasm' | 'webgpu';

export interface Lowering {
  readonly provider: Provider;
  /**
   * The 0/1 mask of a ReLU. wasm: HardSigmoid with a huge slope is one vectorised pass, where Greater + Where takes
   * four; webgpu: comparisons are free and a slope near the float range is not safe.
   */
  readonly reluMask: 'hard-sigmoid' | 'where';
  /** Sums over (0, 2, 3). webgpu transposes the tensor first unless (2, 3) is reduced before 0. */
  readonly channelSums: 'direct' | 'spatial-first';
  /** Weight gradients. webgpu has no split-K, so a Gemm over N·H·W would run on one workgroup a tile. */
  readonly weightGradient: 'gemm' | 'batched-matmul';
}

export const LOWERINGS: Readonly<Record<Provider, Lowering>> = {
  wasm: { provider: 'wasm', reluMask: 'hard-sigmoid', channelSums: 'direct', weightGradient: 'gemm' },
  webgpu: {
    provider: 'webgpu',
    reluMask: 'where',
    channelSums: 'spatial-first',
    weightGradient: 'batched-matmul',
  },
};
