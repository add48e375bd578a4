/**
 * Checkpoints and ONNX files, as everybody reads and writes them: on a page's own thread, in a worker as jobs.ts does. What
 * is given stays as it is; a worker that dies of it, of too little memory for instance, is worker-died.
 */
import {
  expectArgument,
  expectOptions,
  type Forms,
  made,
  oneOf,
  optional,
  text,
  whole,
  yesNo,
} from '../arguments.ts';
import { CHECKPOINT, withQueryOnly } from '../checkpoint/contents.ts';
import type { LoadedCheckpoint } from '../checkpoint/run-directory.ts';
import { FEATURE_KINDS, type FeatureKind } from '../encoder/embeddings.ts';
import type {
  EncoderFacts,
  ImportConfig,
  ImportEncoderOptions,
  ImportedEncoder,
} from '../models/imported-encoder.ts';
import { IMPORT_OPTIONS } from '../onnx/import/import-options.ts';
import { MAX_MODEL_BYTES } from '../onnx/limits.ts';
import { isPageThread } from '../runtime/detect.ts';
import { type PathInput, pathOf } from '../runtime/path-input.ts';
import { bytesFrom, type FileInput } from '../runtime/read-bytes.ts';
import { askedOf } from './start-job.ts';

/** A configuration, which has more, will do. */
const HEAD = made<ImportConfig>('a configuration: { dim, mlp, imageSize } and, if need be, feature', {
  dim: whole(1),
  mlp: yesNo,
  imageSize: whole(1),
  feature: optional(text()),
});
const { externalData, frozen, train, limits } = IMPORT_OPTIONS;
const OPTIONS: Forms<ImportEncoderOptions> = { externalData, frozen, train, limits };

/**
 * Loads one checkpoint, or the newest valid one of a run directory; newer ones that are torn or altered are in `skipped`.
 * @param path a folder (in Node and Deno also by a `file:` URL); in a page, of its origin private file system
 * @throws MocoError data-missing when there is nothing at `path`, checkpoint-invalid when nothing there is valid;
 * in a page worker-died
 */
export async function loadCheckpoint(path: PathInput): Promise<LoadedCheckpoint> {
  const at = await pathOf('loadCheckpoint', 'path', path);
  if (!isPageThread()) return (await import('../checkpoint/run-directory.ts')).loadCheckpoint(at);
  return askedOf(at, (remote, parcel) => remote.loadCheckpoint(parcel));
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
  expectArgument('exportOnnx', 'checkpoint', checkpoint, CHECKPOINT);
  expectArgument('exportOnnx', 'features', features, oneOf(FEATURE_KINDS));
  if (!isPageThread()) return (await import('../models/export-onnx.ts')).exportOnnx(checkpoint, features);
  const given = { checkpoint: withQueryOnly(checkpoint), features };
  return askedOf(given, (remote, parcel) => remote.exportOnnx(parcel));
}

/**
 * Reads an encoder that was exported by torch.onnx (opset 7–23). Its classifier is replaced by a projection head at
 * `config.feature`, or where feature maps or sequences become one vector an image.
 * @param file the .onnx file: its path (Node, Deno), its address, a File or Blob, or its bytes
 * @param config the head (`dim`, `mlp`, `feature`) and, for a model with a dynamic height and width, `imageSize`
 * @param options with `externalData`, a function, the model is read on the calling thread even in a page
 * @throws MocoError model-invalid (malformed; no feature is found), operator-unsupported, usage (no such feature),
 * shape-mismatch (the model does not take square images of that size), data-missing (a path or address where nothing is);
 * in a page worker-died
 */
export async function importEncoder(
  file: FileInput,
  config: ImportConfig,
  options: ImportEncoderOptions = {},
): Promise<ImportedEncoder> {
  expectArgument('importEncoder', 'config', config, HEAD);
  expectOptions('importEncoder', options, OPTIONS);
  const bytes = await bytesFrom('importEncoder', 'file', file, MAX_MODEL_BYTES);
  if (!isPageThread() || options.externalData) {
    return (await import('../models/imported-encoder.ts')).importEncoder(bytes, config, options);
  }
  return askedOf({ bytes, config, options }, (remote, parcel) => remote.importEncoder(parcel));
}

/**
 * What can be told of a model before it is read in full: the side in pixels of the square images it takes; null where it
 * takes any, or where its height and width are no squares' (which importing it then refuses).
 * @param file the .onnx file, as `importEncoder` takes it
 * @throws MocoError model-invalid, data-missing, usage; in a page worker-died
 */
export async function describeEncoder(file: FileInput): Promise<EncoderFacts> {
  const bytes = await bytesFrom('describeEncoder', 'file', file, MAX_MODEL_BYTES);
  if (!isPageThread()) return (await import('../models/imported-encoder.ts')).describeEncoder(bytes);
  return askedOf(bytes, (remote, parcel) => remote.describeEncoder(parcel));
}
