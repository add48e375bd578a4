/** Everything that can be wrong with a run before it starts. */
import { resolve } from 'node:path';
import { type ClaimedRun, claimRun } from '../checkpoint/claim-run.ts';
import { type LoadedCheckpoint, loadCheckpoint } from '../checkpoint/run-directory.ts';
import { type DatasetDescription, withReducedImages } from '../data/dataset.ts';
import { sideFor } from '../data/reduced.ts';
import { sourceNamed } from '../data/registry.ts';
import { MocoError } from '../errors.ts';
import type { ImportedEncoder } from '../models/imported-encoder.ts';
import type { BackendChoice, BackendRequest } from '../runtime/backend.ts';
import { coreCount } from '../runtime/cores.ts';
import { openFolder } from '../runtime/files.ts';
import { photosInWords } from '../settings/photos.ts';
import { factsOf } from '../settings/resolve.ts';
import { DEFAULT_PRESET } from '../settings/table.ts';
import { mergeResumedConfig, type PretrainConfig } from '../train/configure.ts';
import { requireLabels } from '../train/require-labels.ts';
import { backendOf } from '../train/resumed-backend.ts';
import { type ConfigOptions, overridesOf } from './config-options.ts';
import { checkDecodable, openData } from './data.ts';
import { type LogWriter, openLog, together } from './log.ts';
import { resolveNetwork } from './network-file.ts';
import { openTensorboard } from './tensorboard.ts';

export interface RunOptions extends ConfigOptions {
  data?: string;
  /** One of DATASET_KINDS. */
  dataset: string;
  backend: BackendRequest;
  /** Encoder workers. */
  workers?: number | undefined;
  out?: string;
  resume?: string;
  log?: string;
  tensorboard?: boolean;
  /** Of a resumed run: other images than it began with. */
  allowChangedData?: boolean;
  /** Of preset photos. */
  minutes?: number;
}

export interface PreparedRun {
  config: PretrainConfig;
  /** Of a new run with an encoder from a file. */
  encoder: ImportedEncoder | null;
  data: DatasetDescription;
  backend: BackendChoice;
  /** The run directory. */
  out: string;
  /** To be released when nothing more is written to it. */
  claim: ClaimedRun;
  resume: LoadedCheckpoint | null;
  /** What preset photos has decided for a new run, in a line. */
  plan: string | null;
  log: LogWriter;
}

/** In the run directory. */
export const LOG = 'log.jsonl';

/**
 * Checks everything; creates the run directory and the log last, or neither of them.
 * @throws MocoError of any input code
 */
export async function prepareRun(options: RunOptions): Promise<PreparedRun> {
  const resume = options.resume === undefined ? null : await loadCheckpoint(options.resume);
  const whole = await dataOf(options, resume);
  const backend = await backendOf(options.backend, resume);
  const preset = options.preset ?? DEFAULT_PRESET;
  const facts = {
    ...factsOf(whole),
    images: whole.trainLength,
    ...(await photoFacts(options, resume, backend)),
  };
  const overrides = overridesOf(options);
  const { config, encoder } = resume
    ? {
        config: mergeResumedConfig(
          resume.state.config,
          { ...overrides, ...(options.preset === undefined ? {} : { preset: options.preset }) },
          whole.trainLength,
        ),
        encoder: null,
      }
    : await resolveNetwork(preset, overrides, facts);
  const plan = !resume && preset === 'photos' ? photosInWords(config, facts) : null;
  // The preset's views are small, and photos large: by far the most of the time would go into decoding them.
  const isReduced = config.preset === 'photos' && sourceNamed(whole.kind).decodes;
  const data = isReduced ? withReducedImages(whole, sideFor(config.imageSize)) : whole;
  requireLabels(config, data);
  const out = options.out ?? resume?.runDirectory ?? (await freeRunDirectory());
  await checkDecodable(data);
  const claim = await claimRun(out, resume);
  const { store } = claim;
  try {
    const paths = new Set(
      [options.log, `${out}/${LOG}`].flatMap((path) => path ?? []).map((path) => resolve(path)),
    );
    const step = resume?.state.step ?? null;
    const writers: LogWriter[] = [];
    for (const path of paths) writers.push(await openLog(path, step));
    if (options.tensorboard) writers.push(await openTensorboard(out, step));
    const log = together(writers);
    return { config, encoder, data, backend, out, claim, resume, plan, log };
  } catch (error) {
    await claim.release();
    if (claim.isNew) await store.remove('');
    throw error;
  }
}

/** What preset photos goes by. @throws MocoError usage for minutes where the length of the run is settled otherwise */
async function photoFacts(options: RunOptions, resume: LoadedCheckpoint | null, { backend }: BackendChoice) {
  const { minutes, preset } = options;
  if (minutes !== undefined && (resume || preset !== 'photos')) {
    const message = resume
      ? 'a resumed run goes on for its epochs: --epochs extends them'
      : 'it is for --preset photos';
    throw new MocoError('usage', `--minutes ${minutes}: ${message}`);
  }
  const processors = options.workers ?? (await coreCount());
  return { backend, processors, ...(minutes === undefined ? {} : { minutes }) };
}

/** The data named, or, for a resumed run that names none, that of the checkpoint; its order depends on the count. */
async function dataOf(options: RunOptions, resume: LoadedCheckpoint | null): Promise<DatasetDescription> {
  const saved = resume?.state.sampler;
  const size = resume?.state.config.imageSize ?? options.imageSize;
  const data = await openData(options.data ?? saved?.path ?? undefined, options.dataset, size);
  // A folder that a page was given is found again as one of a disk.
  const kind = saved?.dataset === 'files' && data.kind === 'imagefolder' ? 'files' : data.kind;
  if (saved && (data.trainLength !== saved.images || kind !== saved.dataset)) {
    throw new MocoError(
      'config-mismatch',
      `the saved run used ${saved.images} images (${saved.dataset}${saved.path ? `, ${saved.path}` : ''}), ` +
        `not ${data.trainLength} (${data.kind}${data.path ? `, ${data.path}` : ''}): ` +
        'give the same --data, or start a new run',
    );
  }
  return data;
}

/** moco-run-1, or the first number that is free. */
async function freeRunDirectory(): Promise<string> {
  const here = await openFolder('.');
  for (let number = 1; ; number++) {
    const name = `moco-run-${number}`;
    if (!(await here.exists(name))) return name;
  }
}
