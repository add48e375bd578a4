import { resolve } from 'node:path';
import type { Command } from 'commander';
import { describeDataset } from '../data/dataset.ts';
import { measureViews } from '../data/measure-views.ts';
import { type BackendRequest, chooseBackend } from '../runtime/backend.ts';
import { describeMachine, machineInMarkdown } from '../runtime/machine.ts';
import { type WorkerCounts, workerCounts } from '../scheduler/worker-counts.ts';
import { DEFAULT_PRESET } from '../settings/table.ts';
import { measureStep } from '../train/measure.ts';
import { addConfigOptions, type ConfigOptions, overridesOf } from './config-options.ts';
import { resolveNetwork } from './network-file.ts';
import { addDumpOptions, addWorkerOptions, backendOption, type DumpOptions, wholeNumber } from './options.ts';
import { expectReportFile, OUT_OPTION, writeReportFile } from './shared-report.ts';
import type { Terminal } from './terminal.ts';

interface BenchOptions extends ConfigOptions, WorkerCounts, DumpOptions {
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
  });
  const augmentation = await measureViews(config.augmentation, config.imageSize, data?.train ?? null);
  const numbers = { ...measured, augmentation, backend, adapter, config };
  const lines: string[] = [];
  const say = (line: string) => lines.push(line);
  const gflops = (measured.imagesPerSecond * measured.flopsPerImage) / 1e9;
  const width = encoder ? '' : `, width ${config.width}`;
  say(`${config.arch}${width}, ${config.imageSize} px, batch ${config.batchSize}`);
  say(`backend ${backend}: ${reason}`);
  say(`${measured.imagesPerSecond.toFixed(2)} images/s (${gflops.toFixed(1)} GFLOP/s)`);
  say(`${measured.imagesPerSecondWithAugmentation.toFixed(2)} images/s with augmentation`);
  const entries = Object.entries(measured.seconds).sort(([, a], [, b]) => b - a);
  const total = entries.reduce((sum, [, seconds]) => sum + seconds, 0);
  for (const [what, seconds] of entries) {
    const share = ((100 * seconds) / total).toFixed(1);
    say(`  ${what.padEnd(24)} ${seconds.toFixed(4).padStart(9)} s ${share.padStart(5)} %`);
  }
  const { images, decodeMicroseconds, viewMicroseconds } = augmentation;
  say(
    `a view: ${decodeMicroseconds.toFixed(0)} µs to decode, ${viewMicroseconds.toFixed(1)} µs to augment (${images})`,
  );
  if (options.out !== undefined) {
    const machine = await describeMachine();
    const facts = [...machineInMarkdown(machine), '', '```', ...lines, '```', ''];
    await writeReportFile(
      options.out,
      { machine, ...numbers },
      ['## moco-web bench', '', ...facts].join('\n'),
    );
    say(`report: ${options.out}`);
  }
  if (options.json) terminal.out(JSON.stringify(numbers));
  else for (const line of lines) terminal.out(line);
}
