import type { Command } from 'commander';
import { knnOfCheckpoint } from '../evaluate/evaluate-checkpoint.ts';
import { KNN } from '../evaluate/knn-defaults.ts';
import { requireClasses } from '../evaluate/monitor.ts';
import { addEncoderOptions, type EncoderOptions, encoderJob } from './encoder-job.ts';
import { parseNumber, wholeNumber } from './options.ts';
import type { Terminal } from './terminal.ts';

interface KnnOptions extends EncoderOptions {
  k: number;
  t: number;
  json?: boolean;
}

export function registerKnn(program: Command, terminal: Terminal): void {
  const command = program
    .command('knn')
    .description('weighted kNN accuracy of an encoder: bank of training images, queries of the test split');
  addEncoderOptions(command)
    .option('--k <n>', 'neighbors', wholeNumber(1), KNN.k)
    .option('--t <x>', 'temperature of the weights exp(similarity / t)', parseNumber, KNN.t)
    .option('--json', 'one JSON object on stdout')
    .action((options: KnnOptions) => runKnn(options, terminal));
}

export async function runKnn(
  options: KnnOptions,
  terminal: Terminal,
  knn: typeof knnOfCheckpoint = knnOfCheckpoint,
): Promise<void> {
  const job = await encoderJob(options, terminal, requireClasses);
  const { trainLength, testLength } = job.data;
  // For whoever watches: it takes a while.
  if (terminal.bar)
    terminal.error(`kNN: embedding ${(trainLength + testLength).toLocaleString('en-US')} images …`);
  const { top1, k, t, bank, queries } = await knn(job, options.k, options.t);
  const { features } = job;
  const leaveOneOut = job.data.test === null || job.data.testLabels === null;
  const why = job.data.testProblem ?? 'the data has no test split';
  const { step } = job.checkpoint.state;
  if (options.json) {
    terminal.out(
      JSON.stringify({ top1, k, t, features, bank, queries, step, leaveOneOut, ...terminal.tally?.json() }),
    );
  } else {
    terminal.out(
      `kNN top-1 ${top1.toFixed(2)} % (${features}, k=${k}, t=${t}; ` +
        `bank of ${bank} images, ${leaveOneOut ? `leave-one-out, as ${why}` : `${queries} queries`}; checkpoint of step ${step})`,
    );
  }
}
