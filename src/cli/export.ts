import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { loadCheckpoint } from '../checkpoint/run-directory.ts';
import type { FeatureKind } from '../encoder/embeddings.ts';
import { MocoError, messageOf } from '../errors.ts';
import { exportOnnx } from '../models/export-onnx.ts';
import { choice } from './options.ts';
import type { Terminal } from './terminal.ts';

interface ExportOptions {
  checkpoint: string;
  format: 'onnx';
  features: FeatureKind;
  out: string;
}

export function registerExport(program: Command, terminal: Terminal): void {
  program
    .command('export')
    .description('write the trained encoder in a format that others read')
    .requiredOption('--checkpoint <dir>', 'run directory (its newest checkpoint) or one checkpoint')
    .requiredOption('--out <file>', 'where to')
    .addOption(choice('--format <name>', 'onnx: one file, BatchNorm folded in', ['onnx']).default('onnx'))
    .addOption(
      choice('--features <which>', 'after the average pool, or after the projection head', [
        'backbone',
        'head',
      ]).default('backbone'),
    )
    .action((options: ExportOptions) => runExport(options, terminal));
}

async function runExport(
  { checkpoint: path, features, out }: ExportOptions,
  terminal: Terminal,
): Promise<void> {
  const checkpoint = await loadCheckpoint(path);
  for (const { directory, reason } of checkpoint.skipped) {
    terminal.error(`skipped broken checkpoint ${directory}: ${reason}`);
  }
  const bytes = exportOnnx(checkpoint, features);
  await writeFile(out, bytes).catch((cause: unknown) => {
    throw new MocoError('write-failed', `cannot write ${out}: ${messageOf(cause)}`, { cause });
  });
  terminal.out(`${checkpoint.directory} → ${out} (${(bytes.length / 1e6).toFixed(1)} MB, ${features})`);
}
