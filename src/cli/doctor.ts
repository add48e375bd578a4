import type { Command } from 'commander';
import { type BackendRequest, chooseBackend } from '../runtime/backend.ts';
import { describeEnvironment, describeVersions } from '../runtime/environment.ts';
import { describeGpu } from '../runtime/gpu-report.ts';
import { adviceOn, doctorLines } from './doctor-words.ts';
import { backendOption } from './options.ts';
import type { Terminal } from './terminal.ts';

export function registerDoctor(program: Command, terminal: Terminal): void {
  program
    .command('doctor')
    .description('what this machine and runtime offer, and which backend would be used')
    .addOption(backendOption())
    .option('--json', 'one JSON object on stdout')
    .action((options: { backend: BackendRequest; json?: boolean }) => runDoctor(options, terminal));
}

async function runDoctor(
  options: { backend: BackendRequest; json?: boolean },
  terminal: Terminal,
): Promise<void> {
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
