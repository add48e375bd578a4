/**
 * `moco-web/kernels`: what is computed by hand – losses, queue, optimizers, normalization, BatchNorm, convolutions and their gradients,
 * nearest neighbors – on arrays of float32, on WebAssembly and on WebGPU. Without onnxruntime.
 *
 *     const kernels = await createWasmKernels();    // or createWebGpuKernels((await requestDevice()).device)
 *     const [x, y, norm] = [2, 2, 1].map((length) => kernels.allocate(length));
 *     kernels.write(x, Float32Array.of(3, 4));
 *     kernels.l2norm({ x, y, norm, rows: 1, dim: 2 });
 *     console.log(await kernels.read(y));           // 0.6, 0.8
 */

export { type ErrorCode, MocoError } from './errors.ts';
export type { AccumulateArguments } from './kernels/accumulate.ts';
export type { AdamwArguments } from './kernels/adamw.ts';
export type { AddArguments } from './kernels/add.ts';
export type { BatchNormArguments, BatchNormShape } from './kernels/batch-norm.ts';
export type { BatchNormBackwardArguments } from './kernels/batch-norm-backward.ts';
export type { ConvInputGradientArguments } from './kernels/conv-input-gradient.ts';
export type { ConvWeightGradientArguments } from './kernels/conv-weight-gradient.ts';
export type { ConvolutionArguments } from './kernels/convolution.ts';
export type { ConvolutionShape } from './kernels/convolution-shape.ts';
export type { CopyArguments } from './kernels/copy.ts';
export type { CrossEntropyArguments } from './kernels/cross-entropy.ts';
export type { DeviceArray } from './kernels/device-array.ts';
export type { EmaArguments } from './kernels/ema.ts';
export type { EnqueueArguments } from './kernels/enqueue.ts';
export type { FiniteArguments } from './kernels/finite.ts';
export type { InfoNceArguments } from './kernels/infonce.ts';
export type { Kernels } from './kernels/kernels.ts';
export type { L2NormArguments } from './kernels/l2norm.ts';
export type { L2NormBackwardArguments } from './kernels/l2norm-backward.ts';
export type { LarsArguments } from './kernels/lars.ts';
export type { NtXentArguments } from './kernels/ntxent.ts';
export {
  type BackendKernels,
  createWebGpuKernels,
  type OpenKernelsOptions,
  openKernels,
} from './kernels/open.ts';
export type { KernelCalls, KernelName } from './kernels/registry.ts';
export type { ReluArguments } from './kernels/relu.ts';
export type { ReluBackwardArguments } from './kernels/relu-backward.ts';
export type { RowsArguments } from './kernels/rows.ts';
export type { SgdArguments, SgdOptions } from './kernels/sgd.ts';
export type { ShaderFile } from './kernels/shader.ts';
export { SUMMARY, SUMMARY_LENGTH, type SummaryArguments } from './kernels/summary.ts';
export type { TopK, TopKArguments } from './kernels/topk.ts';
export { createWasmKernels, type WasmKernels, type WasmKernelsOptions } from './kernels/wasm/wasm-kernels.ts';
export type { ShaderTexts } from './kernels/webgpu/pipelines.ts';
export type { VariantOptions } from './kernels/webgpu/variants.ts';
export type { WebGpuKernels } from './kernels/webgpu/webgpu-kernels.ts';
export type { WebGpuKernelsOptions } from './kernels/webgpu/webgpu-options.ts';
export { setAssetPaths } from './runtime/assets.ts';
export { type DeviceOptions, type GpuAdapter, type GpuDevice, requestDevice } from './runtime/gpu.ts';
