import { type Command, Option } from 'commander';
import { loadCheckpoint } from '../checkpoint/run-directory.ts';
import { recipeNamed } from '../data/augment/recipes.ts';
import type { DatasetDescription } from '../data/dataset.ts';
import type { EncoderJob } from '../evaluate/encoder-job.ts';
import { networkOf } from '../models/choose-network.ts';
import { type BackendRequest, chooseBackend } from '../runtime/backend.ts';
import { MOST_WORKERS } from '../scheduler/worker-counts.ts';
import { requireHead } from '../train/unknown-settings.ts';
import { type DataOptions, openDataOf } from './data.ts';
import { addDataOptions, backendOption, wholeNumber } from './options.ts';
import type { Terminal } from './terminal.ts';

/** The options of commands that take a checkpoint's encoder. */
export interface CheckpointOptions extends DataOptions {
  checkpoint: string;
  backend: BackendRequest;
  workers?: number;
}

/** Those of `knn` and `embed`. */
export interface EncoderOptions extends CheckpointOptions {
  features: 'backbone' | 'head';
}

export function addCheckpointOptions(command: Command): Command {
  command.requiredOption('--checkpoint <dir>', 'run directory (its newest checkpoint) or one checkpoint');
  return addDataOptions(command, "the checkpoint's own")
    .addOption(backendOption())
    .option('--workers <n>', 'workers (default: as many as there are cores)', wholeNumber(1, MOST_WORKERS));
}

export function addEncoderOptions(command: Command): Command {
  return addCheckpointOptions(command).addOption(
    new Option('--features <which>', 'after the average pool, or after the projection head')
      .choices(['backbone', 'head'])
      .default('backbone'),
  );
}

/**
 * Loads and checks what the options name, and says what the data is.
 * @param require refuses data that will not do
 * @throws MocoError of any input code
 */
export async function encoderJob(
  options: EncoderOptions,
  terminal: Terminal,
  require: (data: DatasetDescription) => unknown = () => {},
): Promise<EncoderJob> {
  const job = await checkpointJob(options, terminal, require);
  requireHead(job.checkpoint.state, options.features);
  return { ...job, features: options.features };
}

/** The same for commands that take no choice of features. */
export async function checkpointJob(
  options: CheckpointOptions,
  terminal: Terminal,
  require: (data: DatasetDescription) => unknown = () => {},
): Promise<Omit<EncoderJob, 'features'>> {
  const checkpoint = await loadCheckpoint(options.checkpoint);
  for (const { directory, reason } of checkpoint.skipped) {
    terminal.error(`skipped broken checkpoint ${directory}: ${reason}`);
  }
  const { state } = checkpoint;
  const data = await openDataOf(checkpoint, options, terminal);
  require(data);
  const { backend } = await chooseBackend(options.backend);
  // What the checkpoint says wrong is refused before anything is told.
  networkOf(state.config, checkpoint.network);
  recipeNamed(state.config.augmentation);
  terminal.tally?.tell();
  return {
    checkpoint,
    data,
    backend,
    ...(terminal.tally ? { reports: terminal.tally.reports() } : {}),
    ...(options.workers === undefined ? {} : { workers: options.workers }),
  };
}
