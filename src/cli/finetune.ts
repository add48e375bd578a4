import type { Command } from 'commander';
import { claimRun } from '../checkpoint/claim-run.ts';
import { loadCheckpoint } from '../checkpoint/run-directory.ts';
import { shareOfLabels } from '../data/derived/label-share.ts';
import { MocoError } from '../errors.ts';
import { type BackendRequest, chooseBackend } from '../runtime/backend.ts';
import { type WorkerCounts, workerCounts } from '../scheduler/worker-counts.ts';
import { factsOf } from '../settings/resolve.ts';
import { type FinetuneStart, finetuneFrom } from '../train/finetune.ts';
import { pretrain } from '../train/pretrain.ts';
import type { PretrainOptions } from '../train/pretrain-options.ts';
import { requireLabels } from '../train/require-labels.ts';
import { addConfigOptions, type ConfigOptions, overridesOf } from './config-options.ts';
import { type DataOptions, openDataOf, openWeighedData } from './data.ts';
import { followRun } from './follow-run.ts';
import { tolerateAbort, watchInterrupts } from './interrupt.ts';
import { type LogWriter, openLog } from './log.ts';
import { resolveNetwork } from './network-file.ts';
import { addDataOptions, addWorkerOptions, backendOption, parseNumber } from './options.ts';
import { LOG } from './prepare-run.ts';
import type { Terminal } from './terminal.ts';

/** What `--checkpoint` says for an encoder that begins with random weights. */
const NONE = 'none';

interface FinetuneCommandOptions extends ConfigOptions, DataOptions, WorkerCounts {
  checkpoint: string;
  backend: BackendRequest;
  labels: number;
  out?: string;
  json?: boolean;
}

export function registerFinetune(program: Command, terminal: Terminal): void {
  const command = program
    .command('finetune')
    .description(
      'learn classes from labels, beginning with a learned encoder: its whole backbone and a new head ' +
        '(30 epochs, learning rate 0.05·batch/256 on the cosine schedule, no weight decay, crop and flip)',
    )
    .requiredOption('--checkpoint <dir>', `run directory or one checkpoint; ${NONE}: random weights`);
  addDataOptions(command, "the checkpoint's own");
  addWorkerOptions(addConfigOptions(command, 'run'))
    .addOption(backendOption())
    .option('--labels <share>', 'share of the labels, above 0, at most 1', parseNumber, 1)
    .option('--out <dir>', 'run directory (default: nothing is saved)')
    .option('--json', 'the result as JSON')
    .action((options: FinetuneCommandOptions) => runFinetune(options, terminal));
}

export async function runFinetune(options: FinetuneCommandOptions, terminal: Terminal): Promise<void> {
  const say = options.json ? terminal.error.bind(terminal) : terminal.out.bind(terminal);
  const checkpoint = options.checkpoint === NONE ? null : await loadCheckpoint(options.checkpoint);
  const all = await (checkpoint
    ? openDataOf(checkpoint, options, terminal)
    : openWeighedData(options, null, options.imageSize, terminal));
  if (!all.test || (all.trainLabels && !all.testLabels)) {
    const why = all.testProblem ? `: ${all.testProblem}` : '';
    throw new MocoError(
      'data-invalid',
      `${all.path} has no test split with classes, by which a fine-tuned encoder is judged${why}`,
    );
  }
  const overrides = overridesOf(options);
  const data = shareOfLabels(all, options.labels, overrides.seed ?? 0);
  const facts = factsOf(data);
  const start: Partial<FinetuneStart> & Pick<FinetuneStart, 'config'> = checkpoint
    ? finetuneFrom(checkpoint, overrides, facts)
    : await fromScratch(options.preset ?? 'supervised', overrides, facts);
  const { config } = start;
  requireLabels(config, data);
  const backend = await chooseBackend(options.backend);
  terminal.tally?.tell();
  say(`backend ${backend.backend}: ${backend.reason}`);
  say(
    `fine-tuning on ${data.trainLength} images of ${data.classes.length} classes, judged by ${data.testLength}: ` +
      `${config.epochs} epochs of batch ${config.batchSize} in ${config.groups} groups, learning rate ${config.learningRate}`,
  );
  const { out } = options;
  const claim = out === undefined ? null : await claimRun(out, null);
  let log: LogWriter | null = null;
  const interrupts = watchInterrupts(terminal, say);
  try {
    if (out !== undefined) log = await openLog(`${out}/${LOG}`, null);
    const job: PretrainOptions = {
      ...start,
      config,
      data,
      backend,
      signal: interrupts.signal,
      ...workerCounts(options),
      ...(out === undefined ? {} : { out }),
    };
    const events = pretrain(job, claim);
    const { test, checkpoint: saved } = await followRun(tolerateAbort(events), {
      terminal: options.json ? { ...terminal, out: terminal.error } : terminal,
      log,
      firstStep: 0,
      noted: () => {},
    });
    if (interrupts.signal.aborted) {
      terminal.exitCode = interrupts.exitCode;
      say(saved === null ? 'stopped; nothing was saved' : `stopped; what was learned is in ${out}`);
      return;
    }
    if (!test)
      throw new MocoError(
        'data-invalid',
        'there is no accuracy to tell: no image of the test split was judged',
      );
    const { top1, top5 } = test;
    terminal.out(
      options.json
        ? JSON.stringify({
            ...{ top1, top5, epochs: config.epochs, labels: data.trainLength },
            ...terminal.tally?.json(),
          })
        : `top-1 ${top1.toFixed(2)} %, top-5 ${top5.toFixed(2)} % of the test split`,
    );
  } finally {
    interrupts.dispose();
    log?.close();
    await claim?.release();
  }
}

async function fromScratch(...given: Parameters<typeof resolveNetwork>) {
  const { config, encoder } = await resolveNetwork(...given);
  return { config, ...(encoder ? { encoder } : {}) };
}
