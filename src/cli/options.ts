/** Parsers of option values. They refuse with one line that commander puts the option's name in front of. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { DATASET_KINDS } from '../data/registry.ts';
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

export interface DumpOptions {
  dumpGraphs?: string;
}

/** What people who look into a run want of it. */
export function addDumpOptions(command: Command): Command {
  return command.option('--dump-graphs <dir>', 'write the graphs that are run as ONNX files');
}

/** @param absent what is used where --data is left out, for the help. */
export function addDataOptions(command: Command, absent: string): Command {
  const what = `folder of images, or of a data set that --dataset names (default: ${absent})`;
  return command
    .option('--data <path>', what)
    .addOption(choice('--dataset <kind>', 'how to read it', DATASET_KINDS).default('auto'));
}
