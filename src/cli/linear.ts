import type { Command } from 'commander';
import { PROTOCOL } from '../evaluate/fit.ts';
import {
  type LinearEpoch,
  type LinearOutcome,
  type LinearStart,
  linearOfCheckpoint,
} from '../evaluate/linear.ts';
import type { LinearJob } from '../evaluate/linear-job.ts';
import { labeledSplits } from '../evaluate/splits.ts';
import { addCheckpointOptions, type CheckpointOptions, checkpointJob } from './encoder-job.ts';
import { parseNumber, wholeNumber } from './options.ts';
import { END_SIGNALS, type Terminal } from './terminal.ts';

interface LinearOptions extends CheckpointOptions {
  epochs: number;
  lr: number;
  batchSize: number;
  seed: number;
  cache?: boolean;
  json?: boolean;
}

export function registerLinear(program: Command, terminal: Terminal): void {
  const { epochs, learningRate, batchSize, seed } = PROTOCOL;
  const command = program
    .command('linear')
    .description(
      "linear classification on an encoder's features, which stay as they are, judged on the test split",
    );
  addCheckpointOptions(command)
    .option('--epochs <n>', 'passes over the training images', wholeNumber(1), epochs)
    .option(
      '--lr <x|stable>',
      'learning rate, times 0.1 at 60 % and 80 % of the epochs; stable: the highest that surely settles on these features',
      (text) => (text === 'stable' ? text : parseNumber(text)),
      learningRate,
    )
    .option('--batch-size <n>', 'images a step', wholeNumber(1), batchSize)
    .option('--seed <n>', 'seed of weights, order and augmentation', wholeNumber(0), seed)
    .option('--cache', 'compute features once, of center views, in place of augmented ones in each epoch')
    .option('--json', 'one JSON object on stdout')
    .action((options: LinearOptions) => runLinear(options, terminal));
}

/** Tells of its progress on stderr, so that stdout is the outcome alone. */
export async function runLinear(
  options: LinearOptions,
  terminal: Terminal,
  linear: typeof linearOfCheckpoint = linearOfCheckpoint,
): Promise<void> {
  // There is nothing to be saved, and an epoch may take long.
  const stop = () => terminal.exit(END_SIGNALS.SIGINT);
  terminal.onSignal('SIGINT', stop);
  try {
    const { epochs, lr, batchSize, seed, cache = false } = options;
    const job: LinearJob = {
      ...(await checkpointJob(options, terminal, (data) => labeledSplits(data, 'linear classification'))),
      ...{ epochs, learningRate: lr, batchSize, seed, cache },
    };
    const { step } = job.checkpoint.state;
    let start: LinearStart | null = null;
    for await (const event of linear(job)) {
      if (event.type === 'start') {
        start = event;
        for (const line of startLines(event, job)) terminal.error(line);
      } else if (event.type === 'epoch') {
        terminal.error(epochLine(event, epochs));
      } else {
        const warning = start && tooHigh(start, event);
        if (warning) terminal.error(warning);
        if (options.json)
          terminal.out(JSON.stringify({ ...asJson(event, start, step), ...terminal.tally?.json() }));
        else for (const line of outcomeLines(event, step)) terminal.out(line);
      }
    }
  } finally {
    terminal.offSignal('SIGINT', stop);
  }
}

function startLines(event: LinearStart, { data }: LinearJob): string[] {
  const { images, testImages, classes, dim, cache, epochs, batchSize, learningRate } = event;
  const place = data.path === null ? data.kind : `${data.kind}, ${data.path}`;
  const which = cache
    ? 'center views, computed once (--cache)'
    : 'augmented views, computed anew in each epoch';
  return [
    `${images} training and ${testImages} test images of ${classes} classes (${place})`,
    `${dim} features of ${which}; ${epochs} epochs, batch ${batchSize}, learning rate ${learningRate}`,
  ];
}

function epochLine({ epoch, lr, loss, acc1, top1 }: LinearEpoch, epochs: number): string {
  return (
    `epoch ${epoch + 1}/${epochs}: lr ${lr.toPrecision(3)}, loss ${loss.toFixed(3)}, ` +
    `acc1 ${acc1.toFixed(1)} %, test top-1 ${top1.toFixed(2)} %`
  );
}

/** The protocol's learning rate is made for the features of its authors. A classifier that says nothing has the loss ln(classes). */
function tooHigh({ classes, learningRate, ...start }: LinearStart, { loss }: LinearOutcome): string | null {
  const chance = Math.log(classes);
  if (loss <= chance || learningRate <= start.stableRate) return null;
  return (
    `the loss, ${loss.toFixed(2)}, is above chance, ln(${classes}) = ${chance.toFixed(2)}: learning rate ` +
    `${learningRate} is too high for features of mean squared length ${start.meanSquare.toPrecision(3)}; ` +
    `try --lr ${start.stableRate.toPrecision(2)}`
  );
}

function asJson(outcome: LinearOutcome, start: LinearStart | null, step: number): object {
  return { ...start, ...outcome, type: undefined, step };
}

function outcomeLines(outcome: LinearOutcome, step: number): string[] {
  const { top1, top5, epochs, cache, backboneUnchanged, uniformity, rankMe } = outcome;
  return [
    `linear top-1 ${top1.toFixed(2)} %, top-5 ${top5.toFixed(2)} % after ${epochs} epochs` +
      `${cache ? ' on cached features of center views' : ''} (checkpoint of step ${step})`,
    `backbone ${backboneUnchanged ? 'unchanged, bit for bit' : 'CHANGED'}; features of the test images: ` +
      `uniformity ${uniformity.toFixed(2)}, RankMe ${rankMe.toFixed(1)}`,
  ];
}
