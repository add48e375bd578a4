import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { ablationCsv, markdownOf } from '../ablate/markdown.ts';
import { ablationPage } from '../ablate/page.ts';
import type { RowResult } from '../ablate/result.ts';
import { summarize } from '../ablate/summary.ts';
import type { Row, Scale, Table } from '../ablate/table.ts';
import { TABLES } from '../ablate/tables.ts';
import type { AblationFacts } from '../ablate/words.ts';
import type { DatasetDescription } from '../data/dataset.ts';
import { MocoError } from '../errors.ts';
import { type BackendRequest, chooseBackend } from '../runtime/backend.ts';
import { type WorkerCounts, workerCounts } from '../scheduler/worker-counts.ts';
import { PRESETS } from '../settings/presets.ts';
import { SETTINGS } from '../settings/table.ts';
import { type RowJob, runRow, savedResult } from './ablation-run.ts';
import { addConfigOptions, type ConfigOptions } from './config-options.ts';
import { type DataOptions, openWeighedData } from './data.ts';
import { watchInterrupts } from './interrupt.ts';
import {
  addDataOptions,
  addWorkerOptions,
  backendOption,
  choice,
  parseNumber,
  wholeNumber,
} from './options.ts';
import { LOG } from './prepare-run.ts';
import { now } from './report.ts';
import { readRuns } from './run-records.ts';
import type { Terminal } from './terminal.ts';

/** What may be given to all rows of a table. The rest is what its rows are about. */
const SCALE = [
  ...['arch', 'stem', 'width', 'imageSize', 'dim', 'batchSize', 'groups', 'queueSize', 'momentum'],
  ...['learningRate', 'epochs', 'steps'],
] as const satisfies readonly (keyof typeof SETTINGS)[];
/** These are given to rows of MoCo alone: other methods have none, or one of quite another size. */
const OF_MOCO: readonly string[] = ['queueSize', 'momentum', 'learningRate'];
/** Its embedding is as long as there are classes. */
const NOT_OF_LABELS: readonly string[] = ['dim'];

interface AblateOptions extends ConfigOptions, DataOptions, WorkerCounts {
  table: string;
  out: string;
  budget?: number;
  seeds: number;
  rows?: string[];
  linearEpochs: number;
  backend: BackendRequest;
}

export function registerAblate(program: Command, terminal: Terminal): void {
  const command = program
    .command('ablate')
    .description(
      'train the rows of a table of the MoCo v2 note at a scale of yours, and put both beside each other',
    )
    .addOption(
      choice(
        '--table <name>',
        'which table of arXiv:2003.04297',
        TABLES.map(({ name }) => name),
      ).makeOptionMandatory(),
    )
    .requiredOption('--out <dir>', 'run directories and report; what is there is gone on with');
  addDataOptions(command, 'images that the package draws');
  addWorkerOptions(addConfigOptions(command, 'run', SCALE))
    .addOption(backendOption())
    .option('--seeds <n>', 'runs of each row; first all rows with seed 0', wholeNumber(1), 3)
    .option('--rows <ids...>', 'only these rows, such as moco-v1; the others are not run')
    .option('--budget <minutes>', 'stop after so many minutes; call again to go on', parseNumber)
    .option(
      '--linear-epochs <n>',
      'epochs of linear classification on cached features; 0: none',
      wholeNumber(0),
      100,
    )
    .action((options: AblateOptions) => runAblate(options, terminal));
}

export async function runAblate(options: AblateOptions, terminal: Terminal): Promise<void> {
  const table = TABLES.find(({ name }) => name === options.table)!;
  const chosen = chosenOf(table, options.rows);
  const data = await openWeighedData(options, null, options.imageSize, terminal);
  const { backend, reason } = await chooseBackend(options.backend);
  terminal.out(`backend ${backend}: ${reason}`);
  const seeds = table.measures === 'cost' ? 1 : options.seeds;
  const jobs = Array.from({ length: seeds }, (_, seed) =>
    table.rows.map((row) => jobOf(table, row, seed, backend, data, options)),
  ).flat();
  // Those of other options are refused before anything is begun.
  const results = new Map(jobs.map((job) => [job, savedResult(job)]));
  await mkdir(options.out, { recursive: true });
  terminal.tally?.tell();
  const interrupts = watchInterrupts(terminal, (line) => terminal.out(line));
  const ending = new AbortController();
  const { signal } = ending;
  const end = () => ending.abort();
  interrupts.signal.addEventListener('abort', end);
  const timer = options.budget === undefined ? undefined : setTimeout(end, 60_000 * options.budget);
  const facts: Omit<AblationFacts, 'written'> = {
    table,
    data: `${data.trainLength.toLocaleString('en-US')} images of ${data.path ?? data.kind}`,
    scale: [...scaleOptions(options, SCALE), '--backend', backend],
    ...{ seeds, linearEpochs: options.linearEpochs },
  };
  const write = () => writeReports(options.out, facts, results);
  try {
    for (const [i, job] of jobs.entries()) {
      if (signal.aborted) break;
      const before = results.get(job);
      if (!chosen.includes(job.row.id)) continue;
      if (before?.status === 'done' || before?.status === 'does not fit') continue;
      terminal.out(`${i + 1}/${jobs.length}: ${job.row.title}, seed ${job.seed}`);
      const result = await runRow(job, signal, (line) => terminal.out(`  ${line}`));
      if (!result) break;
      results.set(job, result);
      terminal.out(`  ${outcomeWords(result)}`);
      await write();
    }
    await write();
  } finally {
    clearTimeout(timer);
    interrupts.dispose();
  }
  const open = jobs.filter((job) => results.get(job) === null && chosen.includes(job.row.id)).length;
  terminal.out(`report: ${options.out}/report.html, report.md, report.csv`);
  if (open > 0)
    terminal.out(`${open} of ${jobs.length} runs are not done: the same command goes on with them`);
  const failed = [...results.values()].filter((result) => result?.status === 'failed').length;
  if (failed > 0) {
    terminal.exitCode = 1;
    terminal.error(`${failed} of ${jobs.length} runs failed; the same command tries them again`);
  }
  if (interrupts.signal.aborted) terminal.exitCode = interrupts.exitCode;
}

/** The ids of rows that are to be run. @throws MocoError usage for one that there is not */
function chosenOf({ rows }: Table, ids: readonly string[] | undefined): readonly string[] {
  const known = rows.map(({ id }) => id);
  const unknown = ids?.find((id) => !known.includes(id));
  if (unknown !== undefined) {
    throw new MocoError('usage', `there is no row '${unknown}': choose of ${known.join(', ')}`);
  }
  return ids ?? known;
}

function jobOf(
  table: Table,
  row: Row,
  seed: number,
  backend: string,
  data: DatasetDescription,
  options: AblateOptions,
): RowJob {
  const isCost = table.measures === 'cost';
  const given = isCost && options.steps === undefined ? { epochs: 1, ...options } : options;
  const { batchSize, groups } = PRESETS['moco-v2'];
  const scale: Scale = {
    batchSize: given.batchSize ?? batchSize,
    groups: given.groups ?? groups,
    epochs: given.epochs ?? null,
  };
  const names = SCALE.filter(
    (name) =>
      (row.method === 'moco' || !OF_MOCO.includes(name)) &&
      (row.method !== 'supervised' || !NOT_OF_LABELS.includes(name)),
  );
  const counts = workerCounts(options);
  return {
    ...{ table, row, seed, data, linearEpochs: options.linearEpochs },
    directory: `${options.out}/${row.id}-seed${seed}`,
    options: [...scaleOptions(given, names), ...row.options(scale), '--seed', String(seed)],
    place: [
      ...(options.data === undefined ? [] : ['--data', options.data, '--dataset', options.dataset]),
      ...['--backend', backend],
    ],
    workers: Object.entries(counts).flatMap(([name, count]) =>
      count === undefined
        ? []
        : [`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, String(count)],
    ),
  };
}

/** Settings as options of the command line again. */
function scaleOptions(options: ConfigOptions, names: readonly (typeof SCALE)[number][]): string[] {
  return names.flatMap((name) => {
    const value = options[name];
    return value === undefined ? [] : [SETTINGS[name].flag.name.split(' ')[0]!, String(value)];
  });
}

function outcomeWords({ status, reason, top1, knn, secondsPerEpoch }: RowResult): string {
  if (status !== 'done') return `${status}: ${reason}`;
  const parts = [
    top1 === null ? null : `top-1 ${top1.toFixed(2)} %`,
    knn === null ? null : `kNN ${knn.toFixed(2)} %`,
    secondsPerEpoch === null ? null : `${secondsPerEpoch.toFixed(1)} s an epoch`,
  ];
  return parts.filter((part) => part !== null).join(', ') || 'done';
}

async function writeReports(
  out: string,
  facts: Omit<AblationFacts, 'written'>,
  results: ReadonlyMap<RowJob, RowResult | null>,
): Promise<void> {
  const found = [...results.values()].filter((result) => result !== null);
  const rows = summarize(facts.table, found);
  const begun = [...results.keys()].filter(({ directory }) => existsSync(`${directory}/${LOG}`));
  const records = await readRuns(
    begun.map(({ directory }) => directory),
    { pictures: false },
  );
  const runs = begun.map(({ row }, i) => ({ row: row.id, run: records[i]! }));
  const today = { ...facts, written: now() };
  await writeFile(`${out}/report.md`, markdownOf(today, rows));
  await writeFile(`${out}/report.csv`, ablationCsv(rows));
  await writeFile(`${out}/report.html`, await ablationPage(today, rows, runs));
}
