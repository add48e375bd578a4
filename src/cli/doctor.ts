import type { Command } from 'commander';
import { MocoError } from '../errors.ts';
import { chooseBackend } from '../runtime/backend.ts';
import { describeEnvironment, describeVersions } from '../runtime/environment.ts';
import { describeGpu } from '../runtime/gpu-report.ts';
import { checkKernels, type KernelChecks } from './doctor-kernels.ts';
import { adviceOn, doctorLines } from './doctor-words.ts';
import { backendOption } from './options.ts';
import type { Terminal } from './terminal.ts';

export function registerDoctor(program: Command, terminal: Terminal): void {
  program
    .command('doctor')
    .description('what this machine and runtime offer, and which backend would be used')
    .addOption(backendOption())
    .option('--kernels', 'compute every kernel on designed inputs and compare it with float64')
    .option('--only <prefix>', 'with --kernels: only cases whose name starts with this')
    .option('--shaders <dir>', 'with --kernels: shaders of the same file names in place of ours')
    .option('--json', 'one JSON object on stdout')
    .action((options: DoctorOptions) =>
      options.kernels ? checkKernels(options, terminal) : runDoctor(options, terminal),
    );
}

type DoctorOptions = KernelChecks & { kernels?: boolean };

async function runDoctor(options: DoctorOptions, terminal: Terminal): Promise<void> {
  for (const name of ['only', 'shaders'] as const) {
    if (options[name] !== undefined) throw new MocoError('usage', `--${name} goes with --kernels`);
  }
  const [environment, versions, gpu] = await Promise.all([
    describeEnvironment(),
    describeVersions(),
    describeGpu(),
  ]);
  const choice = await chooseBackend(options.backend, async () => gpu);
  if (options.json) {
    const { adapter, missing, page } = gpu;
    const advice = adviceOn(environment, gpu);
    const report = { ...environment, versions, gpu: adapter, gpuMissing: missing, page, ...choice, advice };
    terminal.out(JSON.stringify(report));
    return;
  }
  for (const line of doctorLines({ environment, versions, gpu, choice })) terminal.out(line);
}
