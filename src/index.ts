/**
 * The public API of moco-web. Every error thrown on purpose is a MocoError with a stable `code`.
 *
 * pre-training   describeDataset | describeFiles | describeDrawn → resolveConfig → pretrain (events: loss, kNN, checkpoints)
 * afterwards     loadCheckpoint → embedImages, knnOfCheckpoint, linearOfCheckpoint
 * search         Encoder.load (a run, or an ONNX file) → embed (images); Index.from (rows) → search, duplicates
 * from labels    finetuneFrom (a checkpoint) → pretrain; shareOfLabels
 * any encoder    importEncoder (an ONNX file) → pretrain; exportOnnx (a checkpoint as an ONNX file)
 * underneath     differentiate (an ONNX file) → encodeModel: graphs that any ONNX runtime runs; createWasmKernels
 *
 * @module moco-web
 */
export { type AuditedNode, type AuditReport, auditModel } from './autodiff/audit.ts';
export {
  type DifferentiateOptions as DifferentiateGraphOptions,
  differentiate as differentiateGraph,
  type Gradient,
} from './autodiff/differentiate.ts';
export {
  type DifferentiateModelOptions,
  differentiateModel as differentiate,
  type GradientManifest,
  type ModelGradient,
} from './autodiff/differentiate-model.ts';
export type { Provider } from './autodiff/lowering.ts';
export type { Verdict } from './autodiff/providers.ts';
export type { BatchStatistics } from './autodiff/rule.ts';
export type { LoadedCheckpoint } from './checkpoint/run-directory.ts';
export type { RunState, SamplerState } from './checkpoint/state.ts';
export {
  type DatasetDescription,
  describeDataset,
  describeDrawn,
  withReducedImages,
} from './data/dataset.ts';
export { type DescribeFilesOptions, describeFiles, type FilesDescription } from './data/describe-files.ts';
export type { GivenFile, GivenFiles } from './data/given-files.ts';
export type { RgbImage } from './data/image.ts';
export { forgetFiles, type Kept, keepFiles, restoreFiles } from './data/keep-files.ts';
export { shareOfLabels } from './data/label-share.ts';
export { DATASET_KINDS } from './data/registry.ts';
export type { DatasetSpec } from './data/source.ts';
export type { Thumbnail } from './data/thumbnail.ts';
export type { FeatureKind } from './encoder/embeddings.ts';
export { type ErrorCode, MocoError } from './errors.ts';
export type { EmbeddingRow, EncoderJob, KnnOutcome } from './evaluate/evaluate-checkpoint.ts';
export type { FitSettings } from './evaluate/fit.ts';
export type { LinearEpoch, LinearEvent, LinearJob, LinearOutcome, LinearStart } from './evaluate/linear.ts';
export { type NamedTensor, readSafetensors, writeSafetensors } from './formats/safetensors.ts';
export type { CrossEntropyArguments } from './kernels/cross-entropy.ts';
export type { DeviceArray } from './kernels/device-array.ts';
export type { InfoNceArguments } from './kernels/infonce.ts';
export type { Kernels } from './kernels/kernels.ts';
export type { NtXentArguments } from './kernels/ntxent.ts';
export { type BackendKernels, openKernels } from './kernels/open.ts';
export type { SgdOptions } from './kernels/sgd.ts';
export type { ShaderFile } from './kernels/shader.ts';
export { SUMMARY, SUMMARY_LENGTH, type SummaryArguments } from './kernels/summary.ts';
export type { TopK } from './kernels/topk.ts';
export { createWasmKernels, type WasmKernels, type WasmKernelsOptions } from './kernels/wasm/wasm-kernels.ts';
export type { ShaderTexts } from './kernels/webgpu/pipelines.ts';
export {
  createWebGpuKernels,
  type WebGpuKernels,
  type WebGpuKernelsOptions,
} from './kernels/webgpu/webgpu-kernels.ts';
export type {
  EncoderFacts,
  ImportConfig,
  ImportEncoderOptions,
  ImportedEncoder,
} from './models/imported-encoder.ts';
export type { Encoder as EncoderGraph, Initialization, Parameter } from './onnx/encoder-graph.ts';
export type {
  Attribute,
  Attributes,
  Constant,
  Dim,
  ElementType,
  Graph,
  Node,
  Shape,
  Value,
} from './onnx/graph.ts';
export { decodeModel, encodeModel } from './onnx/model.ts';
export {
  buildNetwork,
  type ImportedNetwork,
  type NetworkSpec,
} from './onnx/network.ts';
export { buildResNet, type ResNetSpec, resnetSpec } from './onnx/resnet.ts';
export { Encoder } from './page/encoder.ts';
export { describeEncoder, exportOnnx, importEncoder, loadCheckpoint } from './page/files.ts';
export { embedImages, knnOfCheckpoint, linearOfCheckpoint, pretrain } from './page/jobs.ts';
export { Index } from './page/search-index.ts';
export { type ThumbnailOptions, thumbnails } from './page/thumbnails.ts';
export { type BackendChoice, type BackendRequest, chooseBackend } from './runtime/backend.ts';
export { type DeviceOptions, type GpuAdapter, type GpuDevice, requestDevice } from './runtime/gpu.ts';
export type { MissingGpu } from './runtime/gpu-missing.ts';
export { type AdapterReport, describeGpu, type GpuReport } from './runtime/gpu-report.ts';
export type { WorkerCounts } from './scheduler/worker-counts.ts';
export type { EncoderOptions, PreprocessingOptions } from './search/encoder-options.ts';
export type { EncoderSource } from './search/encoder-source.ts';
export type { ImageInput, RawImage } from './search/image-input.ts';
export type { IndexSource } from './search/index-file.ts';
export type { JoinedRows, RowsInput } from './search/index-rows.ts';
export type { DuplicatePair, IndexOptions, Match, NewIndexOptions } from './search/vector-index.ts';
export { FEWEST_PHOTOS, PHOTO_MINUTES, photosInWords } from './settings/photos.ts';
export { PRESET_NAMES, PRESETS, type PresetName } from './settings/presets.ts';
export { type DataFacts, factsOf } from './settings/resolve.ts';
export type { ConfigOverrides, Preset, ResumeOptions, Settings } from './settings/settings.ts';
export { mergeResumedConfig, type PretrainConfig, resolveConfig } from './train/configure.ts';
export type * from './train/events.ts';
export { type FinetuneStart, finetuneFrom } from './train/finetune.ts';
export { PauseSwitch } from './train/pause.ts';
export type { PretrainOptions } from './train/pretrain-options.ts';
export type { WatchOptions } from './train/watch.ts';
