import { resolve } from 'node:path';
import type { Command } from 'commander';
import { describeDataset } from '../data/dataset.ts';
import { measureViews } from '../data/load/measure-views.ts';
import { type BackendRequest, chooseBackend } from '../runtime/backend.ts';
import { describeMachine, machineInMarkdown } from '../runtime/machine.ts';
import { type WorkerCounts, workerCounts } from '../scheduler/worker-counts.ts';
import { DEFAULT_PRESET } from '../settings/table.ts';
import { measureStep } from '../train/measure.ts';
import { benchInWords } from '../train/measure-words.ts';
import { addConfigOptions, type ConfigOptions, overridesOf } from './config-options.ts';
import { resolveNetwork } from './network-file.ts';
import {
  addDumpOptions,
  addWorkerOptions,
  backendOption,
  type DumpOptions,
  type GroupsAtOnceOption,
  groupsAtOnceOption,
  wholeNumber,
} from './options.ts';
import { expectReportFile, OUT_OPTION, writeReportFile } from './shared-report.ts';
import type { Terminal } from './terminal.ts';

interface BenchOptions extends ConfigOptions, WorkerCounts, GroupsAtOnceOption, DumpOptions {
  backend: BackendRequest;
  repeat: number;
  data?: string;
  json?: boolean;
  out?: string;
}

export function registerBench(program: Command, terminal: Terminal): void {
  const command = program
    .command('bench')
    .description('speed of the whole training step on images in memory, and where the time goes');
  addDumpOptions(addWorkerOptions(addConfigOptions(command, 'step')))
    .addOption(backendOption())
    .addOption(groupsAtOnceOption())
    .option('--repeat <n>', 'timed steps', wholeNumber(1), 5)
    .option('--data <path>', 'images to time decoding and augmentation on (default: drawn ones)')
    .option(...OUT_OPTION)
    .option('--json', 'one JSON object on stdout')
    .action((options: BenchOptions) => runBench(options, terminal));
}

export async function runBench(
  options: BenchOptions,
  terminal: Terminal,
  measure: typeof measureStep = measureStep,
): Promise<void> {
  expectReportFile(options.out);
  const { config, encoder } = await resolveNetwork(options.preset ?? DEFAULT_PRESET, overridesOf(options));
  const { backend, adapter, reason } = await chooseBackend(options.backend);
  // Before what takes long: the path may be wrong.
  const data = options.data === undefined ? null : await describeDataset(resolve(options.data));
  const measured = await measure({
    config,
    backend,
    steps: options.repeat,
    ...(encoder ? { encoder } : {}),
    ...workerCounts(options),
    dumpGraphs: options.dumpGraphs,
    ...(options.groupsAtOnce === undefined ? {} : { groupsAtOnce: options.groupsAtOnce }),
  });
  const augmentation = await measureViews(config.augmentation, config.imageSize, data?.train ?? null);
  const numbers = { ...measured, augmentation, backend, adapter, config };
  const words = benchInWords({ config, backend, reason, measured, augmentation });
  if (options.out !== undefined) {
    const machine = await describeMachine();
    const facts = [...machineInMarkdown(machine), '', '```', words, '```', ''];
    await writeReportFile(
      options.out,
      { machine, ...numbers },
      ['## moco-web bench', '', ...facts].join('\n'),
    );
  }
  terminal.out(options.json ? JSON.stringify(numbers) : words);
  if (options.out !== undefined && !options.json) terminal.out(`report: ${options.out}`);
}
