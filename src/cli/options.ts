/** Parsers of option values. They refuse with one line that commander puts the option's name in front of. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { DECODE_LIMITS } from '../data/decode/limits.ts';
import { DATASET_KINDS } from '../data/sources/registry.ts';
import { BACKENDS } from '../runtime/backend.ts';
import { MOST_PREFETCH, MOST_WORKERS } from '../scheduler/worker-counts.ts';

/** A decimal number and nothing else: no '', no '0x10', no '1e'. */
export function parseNumber(text: string): number {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) throw new InvalidArgumentError('Give a number.');
  return Number(text);
}

/** A whole number from `least` to `most`. */
export function wholeNumber(least: number, most = Number.POSITIVE_INFINITY): (text: string) => number {
  return (text) => {
    const value = parseNumber(text);
    if (!Number.isSafeInteger(value) || value < least || value > most) {
      const range = Number.isFinite(most) ? `from ${least} to ${most}` : `${least} or more`;
      throw new InvalidArgumentError(`Give a whole number, ${range}.`);
    }
    return value;
  };
}

/** An option with a closed set of words. */
export function choice(flags: string, description: string, words: readonly string[]): Option {
  return new Option(flags, description).choices([...words]);
}

export function backendOption(): Option {
  return choice('--backend <name>', 'what computes', BACKENDS).default('auto');
}

/** How the work is spread (WorkerCounts). */
export function addWorkerOptions(command: Command): Command {
  return command
    .option('--workers <n>', 'workers (default: as many as there are cores)', wholeNumber(1, MOST_WORKERS))
    .option(
      '--data-workers <n>',
      'workers that decode and augment (default: from --workers)',
      wholeNumber(1, MOST_WORKERS),
    )
    .option(
      '--prefetch <groups>',
      'groups whose images are made ahead (default: as many as workers)',
      wholeNumber(0, MOST_PREFETCH),
    );
}

export interface GroupsAtOnceOption {
  groupsAtOnce?: number;
}

export function groupsAtOnceOption(): Option {
  return new Option(
    '--groups-at-once <n>',
    'webgpu: groups that go through the network in one run (default: as many as fit)',
  ).argParser(wholeNumber(1));
}

export function measureTilesOption(): Option {
  return new Option(
    '--measure-tiles',
    'webgpu: choose tiles of weight gradients by measurement on a software adapter, too',
  );
}

const MIB = 2 ** 20;

/** What the reading of an untrusted model may take (ModelLimits). */
export function addLimitOptions(command: Command): Command {
  const seconds = new Option('--model-seconds <n>', 'time for reading a model (default: 60)');
  const memory = new Option(
    '--model-memory <mib>',
    "memory for computing a model's constants, in MiB (default: 256)",
  );
  return command
    .addOption(named(seconds, 'seconds').argParser(wholeNumber(1)))
    .addOption(named(memory, 'bytes').argParser((text) => wholeNumber(1)(text) * MIB));
}

function named(option: Option, name: string): Option {
  option.attributeName = () => name;
  return option;
}

export interface DumpOptions {
  dumpGraphs?: string;
}

/** What people who look into a run want of it. */
export function addDumpOptions(command: Command): Command {
  return command.option('--dump-graphs <dir>', 'write the graphs that are run as ONNX files');
}

/** Parses a number above 0. */
function positive(text: string): number {
  const value = parseNumber(text);
  if (!(value > 0)) throw new InvalidArgumentError('Give a number above 0.');
  return value;
}

function share(text: string): number {
  const value = parseNumber(text);
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError('Give a share, from 0 to 1.');
  return value;
}

/** @param absent what is used where --data is left out, for the help. */
export function addDataOptions(command: Command, absent: string): Command {
  const what = `folder of images, or of a data set that --dataset names, a list of images (.txt, .csv), or tar archives ('shards/*.tar') (default: ${absent})`;
  const { megapixels, megabytes, seconds } = DECODE_LIMITS;
  return command
    .option('--data <path>', what)
    .addOption(choice('--dataset <kind>', 'how to read it', DATASET_KINDS).default('auto'))
    .option(
      '--tar-index <dir>',
      'run directory that keeps an index of these tar archives (default: that of the run)',
    )
    .option(
      '--max-skipped <share>',
      'exit code 1 where more images could not be read (default: 1, never)',
      share,
    )
    .option('--max-megapixels <n>', `larger images are skipped (default: ${megapixels})`, positive)
    .option(
      '--max-decode-mb <n>',
      `so are those that take more memory to decode (default: ${megabytes})`,
      positive,
    )
    .option(
      '--max-decode-seconds <n>',
      `or more time, as reckoned from the header (default: ${seconds})`,
      positive,
    );
}
