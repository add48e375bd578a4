/**
 * The public API of moco-web. Every error thrown on purpose is a MocoError with a stable `code`.
 *
 * pre-training   describeDataset | describeFiles | describeDrawn → resolveConfig → pretrain (events: loss, kNN, checkpoints)
 * afterwards     loadCheckpoint → embedImages, knnOfCheckpoint, linearOfCheckpoint
 * search         Encoder.load (a run, or an ONNX file) → embed (images); Index.from (rows) → search, duplicates
 * from labels    finetuneFrom (a checkpoint) → pretrain; shareOfLabels
 * any encoder    importEncoder (an ONNX file) → pretrain; exportOnnx (a checkpoint as an ONNX file)
 * PyTorch        importCheckpoint (a file) → continueImport → pretrain; beginFromWeights (a backbone) → pretrain; exportWeights
 * where it runs  chooseBackend, describeGpu; joinRanks (several processes, by MPI); setAssetPaths, setOnnxRuntime
 *
 * Underneath, entries of their own: `moco-web/onnx`, graphs and their gradients; `moco-web/kernels`, what is computed by hand;
 * `moco-web/conformance`, whether this machine computes those right.
 *
 * @module moco-web
 */

export type { RecomputeLevel } from './autodiff/training-graphs.ts';
export type { LoadedCheckpoint } from './checkpoint/run-directory.ts';
export type { ImportedFrom, RunState, SamplerState } from './checkpoint/state.ts';
export type { DatasetDescription } from './data/dataset.ts';
export type { DecodeLimits } from './data/decode/limits.ts';
export { shareOfLabels } from './data/derived/label-share.ts';
export { withReducedImages } from './data/derived/reduce-to.ts';
export {
  type DescribeFilesOptions,
  describeFiles,
  type FilesDescription,
} from './data/given/describe-files.ts';
export type { GivenFile, GivenFiles } from './data/given/given-files.ts';
export { forgetFiles, type Kept, keepFiles, restoreFiles } from './data/given/keep-files.ts';
export type { RgbImage } from './data/image.ts';
export type { ViewCosts } from './data/load/measure-views.ts';
export type { Thumbnail } from './data/pictures/thumbnail.ts';
export type { DatasetSpec, FindOptions as DescribeOptions } from './data/sources/source.ts';
export type { FeatureKind } from './encoder/embeddings.ts';
export type { MemoryUse } from './encoder/training-plan.ts';
export { type ErrorCode, MocoError } from './errors.ts';
export type { EncoderJob } from './evaluate/encoder-job.ts';
export type { EmbeddingRow, KnnOutcome } from './evaluate/evaluate-checkpoint.ts';
export type { FitSettings } from './evaluate/fit.ts';
export type { LinearEpoch, LinearEvent, LinearOutcome, LinearStart } from './evaluate/linear.ts';
export type { LinearJob } from './evaluate/linear-job.ts';
export { type NamedTensor, readSafetensors, writeSafetensors } from './formats/safetensors.ts';
export type {
  EncoderFacts,
  ImportConfig,
  ImportEncoderOptions,
  ImportedEncoder,
} from './models/imported-encoder.ts';
export type { GivenValues } from './models/initial-values.ts';
export type { Role as WeightRole } from './onnx/import/weights.ts';
export type { ModelLimits } from './onnx/limits.ts';
export { measureStep, measureViews } from './page/bench.ts';
export { describeDataset, describeDrawn } from './page/describe.ts';
export { Encoder } from './page/encoder.ts';
export { describeEncoder, exportOnnx, importEncoder, loadCheckpoint } from './page/files.ts';
export { finetuneFrom } from './page/finetune.ts';
export { embedImages, knnOfCheckpoint, linearOfCheckpoint, pretrain } from './page/jobs.ts';
export { beginFromWeights, continueImport, exportWeights, importCheckpoint } from './page/pytorch.ts';
export { joinRanks } from './page/ranks.ts';
export { type ReportRun, reportPage } from './page/report.ts';
export { Index } from './page/search-index.ts';
export { type ThumbnailOptions, thumbnails } from './page/thumbnails.ts';
export type { EmbeddingMap, RunData } from './report/run-record.ts';
export { setAssetPaths } from './runtime/assets.ts';
export {
  type Backend,
  type BackendChoice,
  type BackendFinders,
  type BackendRequest,
  chooseBackend,
} from './runtime/backend.ts';
export { type OnnxRuntimeModule, setOnnxRuntime } from './runtime/given-onnxruntime.ts';
export {
  type DeviceOptions,
  type GpuAdapter,
  type GpuDevice,
  type GpuFinding,
  requestDevice,
} from './runtime/gpu.ts';
export type { GpuProblem, MissingGpu } from './runtime/gpu-missing.ts';
export {
  type AdapterReport,
  describeGpu,
  type FeatureName,
  type GpuReport,
  type LimitName,
  type PageReport,
} from './runtime/gpu-report.ts';
export type { NativeFinding } from './runtime/native.ts';
export type { PageImage } from './runtime/page-images.ts';
export type { PathInput } from './runtime/path-input.ts';
export type { FileInput } from './runtime/read-bytes.ts';
export type { WorkerCounts } from './scheduler/worker-counts.ts';
export type { EncoderOptions, PreprocessingOptions } from './search/encoder-options.ts';
export type { EncoderSource } from './search/encoder-source.ts';
export type { ImageInput, RawImage } from './search/image-input.ts';
export type { IndexOptions, NewIndexOptions } from './search/index-options.ts';
export type { IndexSource } from './search/index-source.ts';
export type { JoinedRows, RowsInput } from './search/rows-input.ts';
export type { DuplicatePair, Match } from './search/vector-index.ts';
export {
  FEWEST_PHOTOS,
  PHOTO_MINUTES,
  type PhotosMinutes,
  photosInWords,
  photosMinutes,
} from './settings/photos.ts';
export { PRESET_NAMES, PRESETS, type PresetName } from './settings/presets.ts';
export { type DataFacts, type DescribedData, factsOf } from './settings/resolve.ts';
export type { ConfigOverrides, Preset, ResumeOptions, Settings } from './settings/settings.ts';
export type { Collective, SharedValues } from './train/collective.ts';
export { mergeResumedConfig, type PretrainConfig, resolveConfig } from './train/configure.ts';
export type { ContinuedData, ContinuedImport } from './train/continue-import.ts';
export type * from './train/events.ts';
export type { ExportedWeights } from './train/export-weights.ts';
export type { FinetuneStart } from './train/finetune.ts';
export type { LeftTensor } from './train/import-weights.ts';
export type { InitialWeights } from './train/init-weights.ts';
export type { MeasureOptions, StepMeasurement } from './train/measure.ts';
export { type Bench, benchInWords } from './train/measure-words.ts';
export type { JoinedRanks, MpiOptions } from './train/mpi.ts';
export { PauseSwitch } from './train/pause.ts';
export type { PretrainOptions } from './train/pretrain-options.ts';
export type { WatchOptions } from './train/watch-options.ts';
export { WEIGHT_FORMATS, type WeightFormat } from './train/weight-formats.ts';
export type { ImportedCheckpoint, WeightsInput } from './train/weights-files.ts';
