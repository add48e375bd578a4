import { resolve } from 'node:path';
import type { LoadedCheckpoint } from '../checkpoint/run-directory.ts';
import {
  type DatasetDescription,
  describeAmong,
  describeDataset,
  describeDrawn,
  tarIndexAt,
  withDecodeLimits,
} from '../data/dataset.ts';
import { DECODE_LIMITS, type DecodeLimits } from '../data/decode/limits.ts';
import { counted } from '../data/find/walk-images.ts';
import { ViewLoader } from '../data/load/loader.ts';
import { SOURCES, sourceNamed } from '../data/sources/registry.ts';
import type { GivenIndex } from '../data/sources/source.ts';
import { TAR_INDEX } from '../data/tar/index-file.ts';
import { TAR_SHARDS } from '../data/tar/shards-spec.ts';
import { MocoError, messageOf } from '../errors.ts';
import { ofFirstRank } from '../train/agree.ts';
import type { Collective } from '../train/collective.ts';
import { ImageTally } from './tally.ts';
import type { Terminal } from './terminal.ts';

/** The images that a run without --data learns from. A set of its own: it does not follow the seed of the run. */
export const DRAWN = { train: 4096, test: 1024, size: 32, seed: 0 } as const;

/** Between lines of how many were found so far. */
const LOOKING_EVERY_MS = 3000;

/** A path that leads Windows to another machine, with the user's name and a digest of the password. */
const ELSEWHERE = /^[\\/]{2}/;

/** Options of every command that reads images (options.ts, addDataOptions). */
export interface DataOptions {
  data?: string;
  /** One of DATASET_KINDS. */
  dataset: string;
  /** Another run's directory. */
  tarIndex?: string;
  maxSkipped?: number;
  maxMegapixels?: number;
  maxDecodeMb?: number;
  maxDecodeSeconds?: number;
  /** The result is one object, which has what is otherwise told in lines. */
  json?: boolean;
}

/**
 * What a command works on: what lies at a path, or images that the package draws.
 * @param path the place; left out where images are drawn
 * @param kind one of DATASET_KINDS
 * @param drawnSize side in pixels of drawn images
 * @param progress told how many images were found so far
 * @param index of tar archives: a run directory that may hold it, or what the first rank has
 * @throws MocoError data-missing, data-invalid, usage
 */
export async function openData(
  path: string | undefined,
  kind: string,
  drawnSize: number = DRAWN.size,
  progress?: (images: number) => void,
  index?: string | GivenIndex,
): Promise<DatasetDescription> {
  if (path !== undefined) {
    return typeof index === 'object'
      ? describeAmong(SOURCES, resolve(path), kind, { progress, given: index })
      : describeDataset(resolve(path), kind, { progress, index: fileIn(index) });
  }
  if (kind !== 'auto')
    throw new MocoError('usage', `--dataset ${kind} needs --data: say where the images are`);
  return describeDrawn(DRAWN.train, DRAWN.test, drawnSize, DRAWN.seed);
}

/**
 * The data that the options name, or that a checkpoint does. Nothing is printed yet but, of a million images, how many were found
 * so far: what is refused gets one line, and no other. Once all is settled, `terminal.tally.tell` prints what the data is.
 * @param saved the place that a checkpoint names, which anybody may have written
 * @param stream where lines go: stdout is often the result. With `--json` nowhere: the object has it
 * @param index as of openData
 * @throws as openData
 */
export async function openWeighedData(
  options: DataOptions,
  saved: string | null,
  drawnSize: number | undefined,
  terminal: Terminal,
  stream: 'out' | 'error' = 'out',
  index?: string | GivenIndex,
): Promise<DatasetDescription> {
  const { data: given, dataset, maxSkipped = 1 } = options;
  const isOfCheckpoint = given === undefined && saved !== null;
  if (isOfCheckpoint && ELSEWHERE.test(saved)) {
    const message = `the checkpoint names data on another machine, ${saved}: say --data to read it`;
    throw new MocoError('usage', message);
  }
  const say = options.json ? () => {} : (line: string) => terminal[stream](line);
  const path = given ?? saved ?? undefined;
  const kept = index ?? options.tarIndex;
  const found = await openData(path, dataset, drawnSize, looking(path, say), kept);
  if (options.tarIndex !== undefined && found.kind !== TAR_SHARDS) {
    throw new MocoError('usage', `--tar-index is for tar archives, and the data is none (${found.kind})`);
  }
  const limits = limitsOf(options);
  const data = limits ? withDecodeLimits(found, limits) : found;
  terminal.tally = new ImageTally(data, maxSkipped, isOfCheckpoint, say);
  return data;
}

/**
 * What a command on a checkpoint works on: what is named, or what the checkpoint learned from.
 * @throws MocoError usage for an imported one, which does not say what that was, and as openWeighedData does
 */
export async function openDataOf(
  { state: { config, sampler, unknown }, runDirectory }: LoadedCheckpoint,
  options: DataOptions,
  terminal: Terminal,
  stream: 'out' | 'error' = 'out',
): Promise<DatasetDescription> {
  if (options.data === undefined && unknown !== undefined) {
    throw new MocoError(
      'usage',
      'the checkpoint was imported, and its file does not say from what it learned: give --data',
    );
  }
  const kept = options.tarIndex ?? runDirectory;
  return openWeighedData(options, sampler.path, config.imageSize, terminal, stream, kept);
}

/**
 * The index of tar archives that the first of several ranks has, for all of them: else each would read all headers. All ranks
 * call it, whatever their options are.
 */
export async function indexOfFirstRank(
  ranks: Collective,
  { data, dataset, tarIndex }: DataOptions,
  saved: LoadedCheckpoint | null,
  terminal: Terminal,
): Promise<string | GivenIndex | undefined> {
  const run = tarIndex ?? saved?.runDirectory;
  if (ranks.size === 1) return run;
  const path = data ?? saved?.state.sampler.path ?? null;
  const say = (line: string) => terminal.out(line);
  const make = async () => {
    if (path === null || (data === undefined && ELSEWHERE.test(path))) return null;
    return tarIndexAt(resolve(path), dataset, { progress: looking(path, say), index: fileIn(run) });
  };
  const index = await ofFirstRank(ranks, make);
  if (!index) return run;
  return ranks.rank === 0 ? index : { ...index, note: null };
}

const fileIn = (run: string | undefined) => (run === undefined ? undefined : `${run}/${TAR_INDEX}`);

/** Lines for who waits: none where it takes no time. */
function looking(path: string | undefined, say: (line: string) => void, now = () => performance.now()) {
  let told = now();
  return (images: number): void => {
    if (now() - told < LOOKING_EVERY_MS) return;
    told = now();
    say(`looking at ${path}: ${counted(images, 'image')} so far`);
  };
}

/** Null where all are as they are by default. */
function limitsOf({ maxMegapixels, maxDecodeMb, maxDecodeSeconds }: DataOptions): DecodeLimits | null {
  if (maxMegapixels === undefined && maxDecodeMb === undefined && maxDecodeSeconds === undefined) return null;
  return {
    megapixels: maxMegapixels ?? DECODE_LIMITS.megapixels,
    megabytes: maxDecodeMb ?? DECODE_LIMITS.megabytes,
    seconds: maxDecodeSeconds ?? DECODE_LIMITS.seconds,
  };
}

/**
 * Decodes the first image that can be: a folder of nothing but broken files is bad input, and no run's affair.
 * @throws MocoError data-invalid
 */
export async function checkDecodable(data: DatasetDescription): Promise<void> {
  if (!sourceNamed(data.kind).decodes) return;
  const loader = await ViewLoader.open(data.train, 'v1', 1, 0);
  try {
    await loader.plain([0]);
  } catch (cause) {
    throw new MocoError('data-invalid', messageOf(cause), { cause });
  } finally {
    loader.close();
  }
}
