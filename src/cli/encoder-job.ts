import { type Command, Option } from 'commander';
import { loadCheckpoint } from '../checkpoint/run-directory.ts';
import type { EncoderJob } from '../evaluate/evaluate-checkpoint.ts';
import { type BackendRequest, chooseBackend } from '../runtime/backend.ts';
import { MOST_WORKERS } from '../scheduler/worker-counts.ts';
import { openData } from './data.ts';
import { addDataOptions, backendOption, wholeNumber } from './options.ts';
import type { Terminal } from './terminal.ts';

/** The options of commands that take a checkpoint's encoder. */
export interface CheckpointOptions {
  checkpoint: string;
  data?: string;
  /** One of DATASET_KINDS. */
  dataset: string;
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

/** Loads and checks what the options name. @throws MocoError of any input code */
export async function encoderJob(options: EncoderOptions, terminal: Terminal): Promise<EncoderJob> {
  return { ...(await checkpointJob(options, terminal)), features: options.features };
}

/** The same for commands that take no choice of features. */
export async function checkpointJob(
  options: CheckpointOptions,
  terminal: Terminal,
): Promise<Omit<EncoderJob, 'features'>> {
  const checkpoint = await loadCheckpoint(options.checkpoint);
  for (const { directory, reason } of checkpoint.skipped) {
    terminal.error(`skipped broken checkpoint ${directory}: ${reason}`);
  }
  const { state } = checkpoint;
  const path = options.data ?? state.sampler.path ?? undefined;
  const data = await openData(path, options.dataset, state.config.imageSize);
  const { backend } = await chooseBackend(options.backend);
  return {
    checkpoint,
    data,
    backend,
    ...(options.workers === undefined ? {} : { workers: options.workers }),
  };
}
