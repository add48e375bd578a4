/**
 * Checkpoints and ONNX files, as everybody reads and writes them: on a page's own thread, in a worker as jobs.ts does. What
 * is given stays as it is; a worker that dies of it, of too little memory for instance, is worker-died.
 */
import { withQueryOnly } from '../checkpoint/contents.ts';
import { type LoadedCheckpoint, loadCheckpoint as loadHere } from '../checkpoint/run-directory.ts';
import type { FeatureKind } from '../encoder/embeddings.ts';
import { exportOnnx as exportHere } from '../models/export-onnx.ts';
import {
  describeEncoder as describeHere,
  type EncoderFacts,
  type ImportConfig,
  type ImportEncoderOptions,
  type ImportedEncoder,
  importEncoder as importHere,
} from '../models/imported-encoder.ts';
import { isPageThread } from '../runtime/detect.ts';
import type { DataFacts } from '../settings/resolve.ts';
import type { ConfigOverrides, ResumeOptions } from '../settings/settings.ts';
import {
  type ExportedWeights,
  exportWeights as exportWeightsHere,
  type WeightFormat,
} from '../train/export-weights.ts';
import type { InitialWeights } from '../train/init-weights.ts';
import {
  beginFromWeights as beginHere,
  type ImportedCheckpoint,
  importCheckpoint as importCheckpointHere,
  type WeightsInput,
} from '../train/weights-files.ts';
import { askedOf } from './start-job.ts';

/**
 * Loads one checkpoint, or the newest valid one of a run directory; newer ones that are torn or altered are in `skipped`.
 * @param path a folder; in a page, of its origin private file system
 * @throws MocoError data-missing when there is nothing at `path`, checkpoint-invalid when nothing there is valid;
 * in a page worker-died
 */
export async function loadCheckpoint(path: string): Promise<LoadedCheckpoint> {
  if (!isPageThread()) return loadHere(path);
  return askedOf(path, (remote, parcel) => remote.loadCheckpoint(parcel));
}

/**
 * The query encoder of a checkpoint with its running statistics folded in: input `image` ['batch', 3, size, size] float32;
 * output `features` ['batch', F] (backbone), or `embedding` ['batch', dim] of unit length (head), the rows that
 * embedImages gives. How an image becomes input is in the model's metadata, under `preprocessing`, as JSON: RGB, the
 * shorter side resized to `resizeShorterSide`, the central square of `centerCrop` pixels, values 0 … 1 minus `mean` over
 * `std`; images of `unchangedSize`, where there is one, are only normalized.
 * @returns the bytes of the .onnx file
 * @throws MocoError shape-mismatch where the checkpoint is not of the network that its configuration names; in a page
 * worker-died
 */
export async function exportOnnx(checkpoint: LoadedCheckpoint, features: FeatureKind): Promise<Uint8Array> {
  if (!isPageThread()) return exportHere(checkpoint, features);
  const given = { checkpoint: withQueryOnly(checkpoint), features };
  return askedOf(given, (remote, parcel) => remote.exportOnnx(parcel));
}

/**
 * Reads an encoder that was exported by torch.onnx (opset 11–18). Its classifier is replaced by a projection head at
 * `config.feature`, or where feature maps or sequences become one vector an image.
 * @param bytes the .onnx file
 * @param config the head (`dim`, `mlp`, `feature`) and, for a model with a dynamic height and width, `imageSize`
 * @param options with `externalData`, a function, the model is read on the calling thread even in a page
 * @throws MocoError model-invalid (malformed; no feature is found), operator-unsupported, usage (no such feature),
 * shape-mismatch (the model does not take square images of that size); in a page worker-died
 */
export async function importEncoder(
  bytes: Uint8Array,
  config: ImportConfig,
  options: ImportEncoderOptions = {},
): Promise<ImportedEncoder> {
  if (!isPageThread() || options.externalData) return importHere(bytes, config, options);
  return askedOf({ bytes, config, options }, (remote, parcel) => remote.importEncoder(parcel));
}

/**
 * What can be told of a model before it is read in full: the side in pixels of the square images it takes; null where it
 * takes any, or where its height and width are no squares' (which importing it then refuses).
 * @param bytes the .onnx file
 * @throws MocoError model-invalid; in a page worker-died
 */
export async function describeEncoder(bytes: Uint8Array): Promise<EncoderFacts> {
  if (!isPageThread()) return describeHere(bytes);
  return askedOf(bytes, (remote, parcel) => remote.describeEncoder(parcel));
}

/**
 * Makes a checkpoint of another program's file: torch.save's (zip or legacy), or safetensors. Nothing in it is executed, and it
 * is read tensor by tensor. A run of facebookresearch/moco goes on once `continueImport` has what the file does not say;
 * of others (MoCo v3, lightly, solo-learn, torchvision, timm) the encoder is taken.
 * @param from a path (Node, Deno), a File, or bytes
 * @param out a run directory without checkpoints; in a page, of its origin private file system
 * @param given a preset or settings that the file does not say, so far as they are known
 * @throws MocoError data-invalid (damaged, or it names what is not allowed), model-invalid (no ResNet of torchvision's kind),
 * config-mismatch (a setting is not that of the file), usage, write-failed; in a page worker-died
 */
export async function importCheckpoint(
  from: WeightsInput,
  out: string,
  given: ResumeOptions = {},
): Promise<ImportedCheckpoint> {
  if (!isPageThread()) return importCheckpointHere(from, out, given);
  return askedOf({ from, out, given }, (remote, parcel) => remote.importCheckpoint(parcel));
}

/**
 * The backbone of such a file, for `pretrain` to begin with: its configuration has the file's network.
 * @throws as importCheckpoint does
 */
export async function beginFromWeights(
  from: WeightsInput,
  preset: string,
  overrides: ConfigOverrides = {},
  data: DataFacts = {},
): Promise<InitialWeights> {
  if (!isPageThread()) return beginHere(from, preset, overrides, data);
  return askedOf({ from, preset, overrides, data }, (remote, parcel) => remote.beginFromWeights(parcel));
}

/**
 * A checkpoint for other programs: a run as main_moco.py of facebookresearch/moco resumes it (`moco`), or its encoder
 * alone (`torchvision`, `detectron2`, `safetensors`).
 * @returns the file in pieces, as a Blob takes them, and what the other program has to be told
 * @throws MocoError config-mismatch where the format cannot hold the checkpoint; in a page worker-died
 */
export async function exportWeights(
  checkpoint: LoadedCheckpoint,
  format: WeightFormat,
): Promise<ExportedWeights> {
  if (!isPageThread()) return exportWeightsHere(checkpoint, format);
  return askedOf({ checkpoint, format }, (remote, parcel) => remote.exportWeights(parcel));
}
