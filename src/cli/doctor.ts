import type { Command } from 'commander';
import { MocoError } from '../errors.ts';
import { chooseBackend } from '../runtime/backend.ts';
import { describeEnvironment, describeVersions } from '../runtime/environment.ts';
import { describeGpu } from '../runtime/gpu-report.ts';
import { findNative } from '../runtime/native.ts';
import { addConfigOptions } from './config-options.ts';
import { checkKernels, type KernelChecks } from './doctor-kernels.ts';
import { checkModel, type ModelChecks } from './doctor-model.ts';
import { adviceOn, doctorLines } from './doctor-words.ts';
import { addLimitOptions, backendOption } from './options.ts';
import { OUT_OPTION } from './shared-report.ts';
import type { Terminal } from './terminal.ts';

export function registerDoctor(program: Command, terminal: Terminal): void {
  const command = program
    .command('doctor')
    .description('what this machine and runtime offer, and which backend would be used')
    .addOption(backendOption())
    .option('--kernels', 'compute every kernel on designed inputs and compare it with float64')
    .option('--only <prefix>', 'with --kernels: only cases whose name starts with this')
    .option('--shaders <dir>', 'with --kernels: shaders of the same file names in place of ours')
    .option(
      '--model <file.onnx>',
      'tell which nodes a backend would not run right, or have no gradient; auto: of each',
    )
    .option(OUT_OPTION[0], `with --kernels: ${OUT_OPTION[1]}`)
    .option('--json', 'one JSON object on stdout');
  addConfigOptions(addLimitOptions(command), 'step', OF_MODELS).action((options: DoctorOptions) => {
    const { kernels, model } = options;
    if (kernels && model !== undefined) throw new MocoError('usage', '--model does not go with --kernels');
    if (kernels) return checkKernels(options, terminal);
    requireKernels(options);
    if (model !== undefined) return checkModel(model, options, terminal);
    const given = [...OF_MODELS, 'seconds', 'bytes'].find(
      (name) => options[name as keyof DoctorOptions] !== undefined,
    );
    if (given !== undefined) throw new MocoError('usage', `${given} goes with --model`);
    return runDoctor(options, terminal);
  });
}

/** Settings that say how a model is read. */
const OF_MODELS = ['feature', 'pool', 'frozen', 'train', 'imageSize', 'normalize', 'mean', 'std'] as const;

type DoctorOptions = KernelChecks & ModelChecks & { kernels?: boolean; model?: string };

/** @throws MocoError usage for what only `--kernels` reads */
function requireKernels(options: DoctorOptions): void {
  for (const name of ['only', 'shaders', 'out'] as const) {
    if (options[name] !== undefined) throw new MocoError('usage', `--${name} goes with --kernels`);
  }
}

async function runDoctor(options: DoctorOptions, terminal: Terminal): Promise<void> {
  const [environment, versions, gpu, native] = await Promise.all([
    describeEnvironment(),
    describeVersions(),
    describeGpu(),
    findNative(),
  ]);
  const choice = await chooseBackend(options.backend, {
    findAdapter: async () => gpu,
    findNative: async () => native,
  });
  if (options.json) {
    const { adapter, missing, page } = gpu;
    const advice = adviceOn(environment, gpu, native);
    const found = {
      gpu: adapter,
      gpuMissing: missing,
      native: native.version,
      nativeMissing: native.missing,
    };
    const report = { ...environment, versions, ...found, page, ...choice, advice };
    terminal.out(JSON.stringify(report));
    return;
  }
  for (const line of doctorLines({ environment, versions, gpu, native, choice })) terminal.out(line);
}
