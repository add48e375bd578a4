import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { MocoError, messageOf } from '../errors.ts';
import { csvOf } from '../report/csv.ts';
import { reportHtml } from '../report/report.ts';
import type { RunRecord } from '../report/run-record.ts';
import type { BackendRequest } from '../runtime/backend.ts';
import { encoderJob } from './encoder-job.ts';
import { addDataOptions, backendOption, wholeNumber } from './options.ts';
import { embeddingMap } from './report-map.ts';
import { readRuns } from './run-records.ts';
import type { Terminal } from './terminal.ts';

/** In a run directory. */
export const REPORT = 'report.html';

interface ReportOptions {
  out?: string;
  csv?: string;
  map?: boolean;
  data?: string;
  dataset: string;
  backend: BackendRequest;
  workers?: number;
}

export function registerReport(program: Command, terminal: Terminal): void {
  const command = program
    .command('report')
    .description('curves, numbers and settings of runs as one HTML file, also while they are going on')
    .argument('<runs...>', 'run directories')
    .option('--out <file.html>', `report (default: ${REPORT} in the first run directory)`)
    .option('--csv <file.csv>', 'also write all steps and measurements as a table')
    .option('--map', 'with a map of the embeddings of up to 2,000 images by the newest checkpoint');
  addDataOptions(command, "each run's own")
    .addOption(backendOption())
    .option('--workers <n>', 'workers for the map (default: as many as there are cores)', wholeNumber(1))
    .action((directories: string[], options: ReportOptions) => runReport(directories, options, terminal));
}

export async function runReport(
  directories: readonly string[],
  options: ReportOptions,
  terminal: Terminal,
): Promise<void> {
  const { out = `${directories[0]}/${REPORT}`, csv } = options;
  const runs = await readRuns(directories, options);
  const shown = options.map ? await withMaps(runs, directories, options, terminal) : runs;
  await write(out, await reportHtml(shown, now()));
  terminal.out(`report: ${out}`);
  if (csv === undefined) return;
  await write(csv, csvOf(runs));
  terminal.out(`table: ${csv}`);
}

/** The report of one run in its directory, at its end. What goes wrong with it is no fault of the run. */
export async function writeRunReport(directory: string, terminal: Terminal): Promise<void> {
  try {
    await write(`${directory}/${REPORT}`, await reportHtml(await readRuns([directory]), now()));
    terminal.out(`report: ${directory}/${REPORT}`);
  } catch (error) {
    terminal.out(`no report: ${messageOf(error)}`);
  }
}

async function withMaps(
  runs: readonly RunRecord[],
  directories: readonly string[],
  { data, dataset, backend, workers }: ReportOptions,
  terminal: Terminal,
): Promise<RunRecord[]> {
  const mapped: RunRecord[] = [];
  for (const [i, run] of runs.entries()) {
    const job = await encoderJob(
      {
        ...{ checkpoint: directories[i]!, dataset, backend, features: 'backbone' },
        ...(data === undefined ? {} : { data }),
        ...(workers === undefined ? {} : { workers }),
      },
      terminal,
    );
    mapped.push({ ...run, map: await embeddingMap(job) });
  }
  return mapped;
}

async function write(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (cause) {
    throw new MocoError('write-failed', `cannot write ${path}: ${messageOf(cause)}`, { cause });
  }
}

/** In the reader's own time. */
export const now = () => new Date().toLocaleString('en-GB', { dateStyle: 'long', timeStyle: 'short' });
