import type { Command } from 'commander';
import { type BackendRequest, chooseBackend } from '../runtime/backend.ts';
import { describeEnvironment, describeVersions } from '../runtime/environment.ts';
import { findGpuAdapter } from '../runtime/gpu.ts';
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
  const environment = await describeEnvironment();
  const versions = await describeVersions();
  const gpu = await findGpuAdapter();
  const choice = await chooseBackend(options.backend, async () => gpu);
  if (options.json) {
    terminal.out(JSON.stringify({ ...environment, versions, gpu, ...choice }));
    return;
  }
  const { runtime, runtimeVersion, platform, cores, memory, sharedArrayBuffer, wasmSimd } = environment;
  const rows: [string, string][] = [
    ['moco-web', versions['moco-web'] ?? 'unknown'],
    ['runtime', `${runtime} ${runtimeVersion} (${platform})`],
    ['cores', String(cores)],
    ['memory', memory === null ? 'unknown' : `${(memory / 2 ** 30).toFixed(1)} GiB`],
    ['SharedArrayBuffer', yesNo(sharedArrayBuffer)],
    ['WebAssembly SIMD', wasmSimd ? 'yes' : 'no: moco-web needs it, use a newer runtime'],
    ['GPU adapter', gpu ? `${gpu.name}${gpu.software ? ' (software)' : ''}` : 'none'],
    ['onnxruntime-web', versions['onnxruntime-web'] ?? 'not found: run npm install'],
    ['backend', `${choice.backend}: ${choice.reason}`],
  ];
  for (const [what, value] of rows) terminal.out(`${what.padEnd(18)} ${value}`);
}

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no';
}
