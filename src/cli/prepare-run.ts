/** Everything that can be wrong with a run before it starts. */
import { resolve } from 'node:path';
import { pathThrough } from '../autodiff/differentiate.ts';
import { type ClaimedRun, claimRun } from '../checkpoint/claim-run.ts';
import { type LoadedCheckpoint, loadCheckpoint } from '../checkpoint/run-directory.ts';
import type { DatasetDescription } from '../data/dataset.ts';
import { labeledOnly } from '../data/derived/labeled.ts';
import { sideFor, withReducedImages } from '../data/derived/reduce-to.ts';
import { decodeSecondsOf } from '../data/load/decode-seconds.ts';
import { sourceNamed } from '../data/sources/registry.ts';
import type { GivenIndex } from '../data/sources/source.ts';
import { MocoError } from '../errors.ts';
import { learnsFromLabels } from '../methods/names.ts';
import type { ImportedEncoder } from '../models/imported-encoder.ts';
import type { GivenValues } from '../models/initial-values.ts';
import type { ModelLimits } from '../onnx/limits.ts';
import type { BackendChoice, BackendRequest } from '../runtime/backend.ts';
import { coreCount } from '../runtime/cores.ts';
import { openFolder } from '../runtime/files.ts';
import { photosInWords } from '../settings/photos.ts';
import { PRESET_NAMES, PRESETS, type PresetName } from '../settings/presets.ts';
import { factsOf } from '../settings/resolve.ts';
import { DEFAULT_PRESET } from '../settings/table.ts';
import { ofFirstRank } from '../train/agree.ts';
import { alone, type Collective } from '../train/collective.ts';
import { mergeResumedConfig, type PretrainConfig } from '../train/configure.ts';
import { continueImport } from '../train/continue-import.ts';
import { requireLabels } from '../train/require-labels.ts';
import { requireRanks } from '../train/require-ranks.ts';
import { backendOfRanks } from '../train/resumed-backend.ts';
import { type ConfigOptions, overridesOf } from './config-options.ts';
import { checkDecodable, type DataOptions, indexOfFirstRank, openDataOf, openWeighedData } from './data.ts';
import { resolveStart } from './init-file.ts';
import { type LogWriter, openLog, together } from './log.ts';
import { named } from './network-file.ts';
import { openTensorboard } from './tensorboard.ts';
import type { Terminal } from './terminal.ts';

export interface RunOptions extends ConfigOptions, DataOptions, ModelLimits {
  backend: BackendRequest;
  /** Encoder workers. */
  workers?: number | undefined;
  out?: string;
  resume?: string;
  init?: string;
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
  /** Of a new run that begins with the weights of a file. */
  init: GivenValues | null;
  /** What was made of files, in words. */
  notes: readonly string[];
  data: DatasetDescription;
  /** How many images were left out of it because they have no class. */
  unlabeled: number;
  backend: BackendChoice;
  /** The run directory. */
  out: string;
  /** To be released when nothing more is written to it; null where another rank writes. */
  claim: ClaimedRun | null;
  resume: LoadedCheckpoint | null;
  /** What preset photos has decided for a new run, in a line. */
  plan: string | null;
  log: LogWriter;
}

/** In the run directory. */
export const LOG = 'log.jsonl';

/**
 * Checks everything; creates the run directory and the log last, or neither of them. Of several ranks the first alone reads a
 * checkpoint and has a directory and a log.
 * @throws MocoError of any input code
 */
export async function prepareRun(
  options: RunOptions,
  terminal: Terminal,
  ranks: Collective = alone,
): Promise<PreparedRun> {
  const from = options.resume;
  const saved = from === undefined ? null : await ofFirstRank(ranks, () => loadCheckpoint(from));
  const index = await indexOfFirstRank(ranks, options, saved, terminal);
  const found = await dataOf(options, saved, terminal, index);
  const whole = withoutUnlabeled(found, options, saved);
  const overrides = overridesOf(options);
  const given = { ...overrides, ...(options.preset === undefined ? {} : { preset: options.preset }) };
  const continued =
    saved &&
    continueImport(saved, given, {
      ...factsOf(whole),
      images: whole.trainLength,
      kind: whole.kind,
      path: whole.path,
    });
  const resume = continued?.checkpoint ?? null;
  const backend = await backendOfRanks(options.backend, resume, ranks.size);
  const preset = options.preset ?? DEFAULT_PRESET;
  const facts = {
    ...factsOf(whole),
    images: whole.trainLength,
    ...(await photoFacts(options, resume, backend)),
    ...(!resume && preset === 'photos' ? await decodingFacts(whole, ranks) : {}),
  };
  const limits = { seconds: options.seconds, bytes: options.bytes };
  const { config, encoder, init, notes } = resume
    ? {
        ...{ config: mergeResumedConfig(resume.state.config, given, whole.trainLength), encoder: null },
        ...{ init: null, notes: continued?.notes ?? [] },
      }
    : await resolveStart(options.init, preset, overrides, facts, limits);
  if (encoder) {
    const { graph, parameters } = encoder.network;
    named(config.arch, () =>
      pathThrough(
        graph,
        parameters.map(({ name }) => name),
        ['embedding'],
      ),
    );
  }
  const plan = !resume && preset === 'photos' ? photosInWords(config, facts) : null;
  // The preset's views are small, and photos large: by far the most of the time would go into decoding them.
  const isReduced = config.preset === 'photos' && sourceNamed(whole.kind).decodes;
  const data = isReduced ? withReducedImages(whole, sideFor(config.imageSize)) : whole;
  requireLabels(config, data);
  requireRanks({ config, ranks }, backend.backend);
  if (ranks.rank !== 0) {
    const unlabeled = found.trainLength - whole.trainLength;
    return {
      config,
      encoder,
      init,
      notes,
      data,
      unlabeled,
      backend,
      out: '',
      claim: null,
      resume,
      plan,
      log: together([]),
    };
  }
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
    const unlabeled = found.trainLength - whole.trainLength;
    return { config, encoder, init, notes, data, unlabeled, backend, out, claim, resume, plan, log };
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

/** Of ranks the first measures: all have to come to the same plan. */
async function decodingFacts({ kind, train }: DatasetDescription, ranks: Collective) {
  if (!sourceNamed(kind).decodes) return {};
  return { decodeSeconds: await ofFirstRank(ranks, () => decodeSecondsOf(train)) };
}

/** The data named, or, for a resumed run that names none, that of the checkpoint; its order depends on the count. */
async function dataOf(
  options: RunOptions,
  resume: LoadedCheckpoint | null,
  terminal: Terminal,
  index: string | GivenIndex | undefined,
): Promise<DatasetDescription> {
  if (options.init !== undefined && resume) {
    throw new MocoError('usage', '--init is for a new run: a resumed one has its weights');
  }
  if (resume?.state.unknown) return openDataOf(resume, options, terminal);
  const saved = resume?.state.sampler;
  const size = resume?.state.config.imageSize ?? options.imageSize;
  const all = await openWeighedData(options, saved?.path ?? null, size, terminal, 'out', index);
  // Earlier versions left out what lies beside class folders; learning from labels does.
  const data = saved && all.trainLength !== saved.images ? labeledOnly(all) : all;
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

/** Undefined for a preset that there is not, which is refused elsewhere. */
const presetMethod = (preset: string): string | undefined =>
  PRESET_NAMES.includes(preset as PresetName) ? PRESETS[preset as PresetName].method : undefined;

/** A method that learns from labels leaves out images that have none. */
function withoutUnlabeled(
  data: DatasetDescription,
  { preset, method }: RunOptions,
  resume: LoadedCheckpoint | null,
): DatasetDescription {
  const learning = resume?.state.config.method ?? method ?? presetMethod(preset ?? DEFAULT_PRESET);
  const without = data.trainLabels?.filter((label) => label < 0).length ?? 0;
  if (without === 0 || learning === undefined || !learnsFromLabels(learning)) return data;
  return labeledOnly(data);
}

/** moco-run-1, or the first number that is free. */
async function freeRunDirectory(): Promise<string> {
  const here = await openFolder('.');
  for (let number = 1; ; number++) {
    const name = `moco-run-${number}`;
    if (!(await here.exists(name))) return name;
  }
}
