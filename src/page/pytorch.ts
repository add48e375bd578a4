/**
 * Checkpoints and weights of other programs, as everybody reads and writes them: on a page's own thread, in a worker as jobs.ts does.
 */
import {
  either,
  expectArgument,
  instance,
  made,
  nothing,
  oneOf,
  options,
  record,
  text,
  whole,
} from '../arguments.ts';
import { CHECKPOINT } from '../checkpoint/contents.ts';
import type { LoadedCheckpoint } from '../checkpoint/run-directory.ts';
import { isPageThread } from '../runtime/detect.ts';
import { DATA_FACTS, type DataFacts } from '../settings/resolve.ts';
import type { ConfigOverrides, ResumeOptions } from '../settings/settings.ts';
import type { ContinuedData, ContinuedImport } from '../train/continue-import.ts';
import type { ExportedWeights } from '../train/export-weights.ts';
import type { InitialWeights } from '../train/init-weights.ts';
import { WEIGHT_FORMATS, type WeightFormat } from '../train/weight-formats.ts';
import type { ImportedCheckpoint, WeightsInput } from '../train/weights-files.ts';
import { askedOf } from './start-job.ts';

const FILE = either(
  text('a path'),
  instance('a File or Blob', 'File', 'Blob'),
  instance('its bytes', 'Uint8Array'),
);
const CONTINUED = made<ContinuedData>('{ kind, path, images }, of a description of the data', {
  kind: text(),
  path: either(text(), nothing),
  images: whole(1),
});

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
  expectArgument('importCheckpoint', 'from', from, FILE);
  expectArgument('importCheckpoint', 'out', out, text('the path of a folder'));
  expectArgument('importCheckpoint', 'given', given, record);
  if (!isPageThread()) return (await import('../train/weights-files.ts')).importCheckpoint(from, out, given);
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
  expectArgument('beginFromWeights', 'from', from, FILE);
  expectArgument('beginFromWeights', 'preset', preset, text('the name of a preset'));
  expectArgument('beginFromWeights', 'overrides', overrides, record);
  expectArgument('beginFromWeights', 'data', data, options(DATA_FACTS));
  if (!isPageThread())
    return (await import('../train/weights-files.ts')).beginFromWeights(from, preset, overrides, data);
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
  expectArgument('exportWeights', 'checkpoint', checkpoint, CHECKPOINT);
  expectArgument('exportWeights', 'format', format, oneOf(WEIGHT_FORMATS));
  if (!isPageThread()) return (await import('../train/export-weights.ts')).exportWeights(checkpoint, format);
  return askedOf({ checkpoint, format }, (remote, parcel) => remote.exportWeights(parcel));
}

/**
 * The checkpoint of an imported run as `pretrain` resumes it. One of any other run is given back as it is.
 * @param given the preset or the settings that the file did not say
 * @throws MocoError config-mismatch where some stay unknown, or one that was given is not that of the file; usage where they
 * cannot be
 */
export async function continueImport(
  checkpoint: LoadedCheckpoint,
  given: ResumeOptions,
  data: ContinuedData,
): Promise<ContinuedImport> {
  expectArgument('continueImport', 'checkpoint', checkpoint, CHECKPOINT);
  expectArgument('continueImport', 'given', given, record);
  expectArgument('continueImport', 'data', data, CONTINUED);
  return (await import('../train/continue-import.ts')).continueImport(checkpoint, given, data);
}
