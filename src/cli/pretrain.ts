import type { Command } from 'commander';
import { madeAnew } from '../data/tar/index-file.ts';
import { crc32c } from '../formats/crc32c.ts';
import { type WorkerCounts, workerCounts } from '../scheduler/worker-counts.ts';
import { PHOTO_MINUTES } from '../settings/photos.ts';
import { agreeOn } from '../train/agree.ts';
import type { PretrainEvent } from '../train/events.ts';
import { pretrain } from '../train/pretrain.ts';
import type { PretrainOptions } from '../train/pretrain-options.ts';
import { addConfigOptions } from './config-options.ts';
import { followRun, type RunOutcome } from './follow-run.ts';
import { tolerateAbort, watchInterrupts } from './interrupt.ts';
import { PICTURE, writeNeighborPicture } from './neighbor-picture.ts';
import {
  addDataOptions,
  addDumpOptions,
  addLimitOptions,
  addWorkerOptions,
  backendOption,
  type DumpOptions,
  type GroupsAtOnceOption,
  groupsAtOnceOption,
  measureTilesOption,
  parseNumber,
  wholeNumber,
} from './options.ts';
import { type PreparedRun, prepareRun, type RunOptions } from './prepare-run.ts';
import { formatSeconds } from './progress.ts';
import { addDistributedOptions, type Distributed, type Team, withRanks } from './ranks.ts';
import { writeRunReport } from './report.ts';
import { END_SIGNALS, type Terminal } from './terminal.ts';

interface PretrainCommandOptions extends RunOptions, WorkerCounts, GroupsAtOnceOption, DumpOptions {
  measureTiles?: boolean;
  knnEvery?: number;
  probeEvery?: number;
  checkpointEvery?: number;
  distributed?: Distributed;
  patience?: number;
}

export function registerPretrain(program: Command, terminal: Terminal): void {
  const command = program.command('pretrain').description('learn an encoder from images without labels');
  addDataOptions(command, 'images that the package draws');
  addDistributedOptions(addLimitOptions(addDumpOptions(addWorkerOptions(addConfigOptions(command, 'run')))))
    .addOption(backendOption())
    .addOption(groupsAtOnceOption())
    .addOption(measureTilesOption())
    .option('--minutes <n>', `preset photos: how long it may take (default: ${PHOTO_MINUTES})`, parseNumber)
    .option('--knn-every <epochs>', 'measure kNN accuracy every so many epochs', wholeNumber(1))
    .option('--probe-every <epochs>', 'fit a linear probe every so many epochs', wholeNumber(1))
    .option(
      '--checkpoint-every <steps>',
      'also save every so many steps, besides each epoch and every ten minutes',
      wholeNumber(1),
    )
    .option('--out <dir>', 'run directory (default: the first free moco-run-N)')
    .option('--resume <dir>', 'go on with a run directory or checkpoint')
    .option('--init <file>', 'begin with the backbone of a file of PyTorch or safetensors')
    .option('--allow-changed-data', 'with --resume: go on although names or sizes of the images have changed')
    .option('--log <file.jsonl>', 'log, one JSON object a line, besides log.jsonl in the run directory')
    .option('--tensorboard', 'also write an event file for TensorBoard, into the run directory')
    .action((options: PretrainCommandOptions) => runPretrain(options, terminal));
}

/** The command itself. `train` is replaced in tests. */
export async function runPretrain(
  options: PretrainCommandOptions,
  terminal: Terminal,
  train: typeof pretrain = pretrain,
): Promise<void> {
  await withRanks(options, terminal, (team) => runOfRank(options, team, terminal, train));
}

async function runOfRank(
  options: PretrainCommandOptions,
  { ranks, terminal, workers, line }: Team,
  own: Terminal,
  train: typeof pretrain,
): Promise<void> {
  const isFirst = ranks.rank === 0;
  const run = await agreeOn(
    ranks,
    () => prepareRun({ ...options, workers: options.workers ?? workers }, terminal, ranks),
    seen,
  );
  const { log } = run;
  for (const { directory, reason } of run.resume?.skipped ?? []) {
    terminal.out(`skipped broken checkpoint ${directory}: ${reason}`);
  }
  if (run.resume) terminal.out(`resuming from ${run.resume.directory}`);
  if (line) terminal.out(line);
  const unfit = isFirst ? undefined : madeAnew(run.data.notes);
  if (unfit !== undefined) own.out(`rank ${ranks.rank}: ${unfit}`);
  terminal.tally?.tell();
  if (run.unlabeled > 0) {
    terminal.out(
      `${run.unlabeled} images without a class are left out: ${run.config.method} learns from labels`,
    );
  }
  terminal.out(`backend ${run.backend.backend}: ${run.backend.reason}`);
  if (run.plan) terminal.out(run.plan);
  for (const note of run.notes) terminal.out(note);
  for (const note of run.encoder?.notes ?? []) terminal.out(`${run.config.arch}: ${note}`);
  let note = terminal.out.bind(terminal);
  const interrupts = watchInterrupts(terminal, (line) => note(line));
  const start = performance.now();
  try {
    const job: PretrainOptions = {
      config: run.config,
      data: run.data,
      backend: run.backend,
      ...(isFirst ? { out: run.out } : {}),
      signal: interrupts.signal,
      ...(run.resume ? { resume: run.resume } : {}),
      ...(run.encoder ? { encoder: run.encoder } : {}),
      ...(run.init ? { init: run.init } : {}),
      ...(ranks.size > 1 ? { ranks } : {}),
      ...workerCounts({ ...options, workers: options.workers ?? workers }),
      dumpGraphs: isFirst ? options.dumpGraphs : undefined,
      ...(options.groupsAtOnce === undefined ? {} : { groupsAtOnce: options.groupsAtOnce }),
      ...(options.measureTiles ? { measureTiles: true } : {}),
      ...(options.knnEvery === undefined ? {} : { knnEvery: options.knnEvery }),
      ...(options.probeEvery === undefined ? {} : { probeEvery: options.probeEvery }),
      ...(options.checkpointEvery === undefined ? {} : { checkpointEvery: options.checkpointEvery }),
      ...(options.allowChangedData ? { allowChangedData: true } : {}),
    };
    const events = train(job, run.claim);
    const outcome = await followRun(tolerateAbort(isFirst ? events : told(events, ranks.rank, own)), {
      terminal,
      log,
      firstStep: run.resume?.state.step ?? 0,
      noted: (printer) => {
        note = printer;
      },
    });
    if (outcome.neighbors) {
      const { before, after } = outcome.neighbors;
      await writeNeighborPicture(`${run.out}/${PICTURE}`, run.data, before, after);
      terminal.out(`queries with their nearest neighbors before and after: ${run.out}/${PICTURE}`);
    }
    if (outcome.step !== null && isFirst) await writeRunReport(run.out, terminal);
    const isComplete = outcome.totalSteps !== null && outcome.step === outcome.totalSteps;
    const isStopped = interrupts.signal.aborted || (ranks.size > 1 && outcome.step !== null);
    if (isStopped && !isComplete) {
      terminal.exitCode = interrupts.signal.aborted ? interrupts.exitCode : END_SIGNALS.SIGINT;
      const from = outcome.checkpoint === null ? run.resume?.directory : run.out;
      terminal.out(
        from === undefined
          ? 'stopped before the first step: there is nothing to go on with'
          : `stopped; go on with: moco-web pretrain --resume ${from}`,
      );
    } else {
      sayDone(outcome, run.out, (performance.now() - start) / 1000, terminal);
    }
  } finally {
    interrupts.dispose();
    log.close();
    await run.claim?.release();
  }
}

/** What all ranks have to see alike. */
function seen({ config, data, backend }: PreparedRun): string {
  const names = new TextEncoder().encode(JSON.stringify([config, data.classes]));
  return (
    `${backend.backend}, ${data.trainLength} images (${data.kind}) and ${data.testLength} of a test split, ` +
    `settings and classes ${crc32c(names).toString(16)}`
  );
}

/** Passes on the events of a rank other than the first, and tells what happened to it alone. */
async function* told(
  events: AsyncIterable<PretrainEvent>,
  rank: number,
  terminal: Terminal,
): AsyncGenerator<PretrainEvent> {
  for await (const event of events) {
    if (event.type === 'notice' && !event.about) terminal.out(`rank ${rank}: ${event.message}`);
    if (event.type === 'skipped') terminal.out(`rank ${rank}: skipped ${event.path}: ${event.reason}`);
    yield event;
  }
}

function sayDone(outcome: RunOutcome, out: string, seconds: number, terminal: Terminal): void {
  if (outcome.step === null) terminal.out('nothing left to do: raise --epochs or --steps to go on');
  else terminal.out(`done: ${outcome.step} steps, ${formatSeconds(seconds)}; checkpoints in ${out}`);
}
