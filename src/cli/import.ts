import type { Command } from 'commander';
import type { SettingName } from '../settings/settings.ts';
import type { LeftTensor } from '../train/import-weights.ts';
import { importCheckpoint } from '../train/weights-files.ts';
import { addConfigOptions, type ConfigOptions, overridesOf } from './config-options.ts';
import type { Terminal } from './terminal.ts';

interface ImportOptions extends ConfigOptions {
  out: string;
}

/** What a file may not say. */
const SETTINGS: readonly SettingName[] = [
  ...(['preset', 'imageSize', 'batchSize', 'groups', 'momentum', 'temperature'] as const),
  ...(['schedule', 'learningRate', 'weightDecay', 'epochs'] as const),
];
/** Further ones are counted. */
const NAMED = 20;

export function registerImport(program: Command, terminal: Terminal): void {
  const command = program
    .command('import')
    .description(
      'make a checkpoint of a file of PyTorch (zip or legacy) or safetensors: of MoCo, MoCo v3, lightly, solo-learn, torchvision, timm',
    )
    .argument('<file>', 'what torch.save or safetensors wrote; nothing in it is executed')
    .requiredOption('--out <dir>', 'run directory, which holds no checkpoint yet');
  addConfigOptions(command, 'run', SETTINGS).action((file: string, options: ImportOptions) =>
    runImport(file, options, terminal),
  );
}

async function runImport(path: string, options: ImportOptions, terminal: Terminal): Promise<void> {
  const { out, preset } = options;
  const given = { ...overridesOf(options), ...(preset === undefined ? {} : { preset }) };
  const { directory, notes, left, unknown, isRun, tensors, arch, imageSize } = await importCheckpoint(
    path,
    out,
    given,
  );
  for (const note of notes) terminal.out(note);
  sayLeft(left, terminal);
  if (isRun && unknown.length > 0) {
    terminal.out(
      `not said by the file: ${unknown.join(', ')}; pretrain --resume asks for them, knn, embed, linear and export do not`,
    );
  }
  terminal.out(`${path} → ${directory} (${tensors} tensors, ${arch}, images of ${imageSize} px)`);
}

function sayLeft(left: readonly LeftTensor[], terminal: Terminal): void {
  if (left.length === 0) return;
  terminal.out(`does not fit, left out: ${left.length} tensors`);
  for (const { name, shape } of left.slice(0, NAMED)) terminal.out(`  ${name} [${shape.join(', ')}]`);
  if (left.length > NAMED) terminal.out(`  and ${left.length - NAMED} more`);
}
