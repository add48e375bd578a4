import { open } from 'node:fs/promises';
import type { Command } from 'commander';
import { loadCheckpoint } from '../checkpoint/run-directory.ts';
import type { FeatureKind } from '../encoder/embeddings.ts';
import { MocoError, messageOf } from '../errors.ts';
import { exportOnnx } from '../models/export-onnx.ts';
import { exportWeights } from '../train/export-weights.ts';
import { requireHead } from '../train/unknown-settings.ts';
import { WEIGHT_FORMATS, type WeightFormat } from '../train/weight-formats.ts';
import { choice } from './options.ts';
import type { Terminal } from './terminal.ts';

interface ExportOptions {
  checkpoint: string;
  format: 'onnx' | WeightFormat;
  features: FeatureKind;
  out: string;
}

export function registerExport(program: Command, terminal: Terminal): void {
  program
    .command('export')
    .description('write the trained encoder in a format that others read')
    .requiredOption('--checkpoint <dir>', 'run directory (its newest checkpoint) or one checkpoint')
    .requiredOption('--out <file>', 'where to')
    .addOption(
      choice(
        '--format <name>',
        'onnx: one file, BatchNorm folded in; moco: a run that the reference code resumes; the others: the encoder alone',
        ['onnx', ...WEIGHT_FORMATS],
      ).default('onnx'),
    )
    .addOption(
      choice('--features <which>', 'onnx: after the average pool, or after the projection head', [
        'backbone',
        'head',
      ]).default('backbone'),
    )
    .action((options: ExportOptions) => runExport(options, terminal));
}

async function runExport(
  { checkpoint: path, format, features, out }: ExportOptions,
  terminal: Terminal,
): Promise<void> {
  const checkpoint = await loadCheckpoint(path);
  for (const { directory, reason } of checkpoint.skipped) {
    terminal.error(`skipped broken checkpoint ${directory}: ${reason}`);
  }
  if (format === 'onnx') requireHead(checkpoint.state, features);
  const { pieces, notes } =
    format === 'onnx'
      ? { pieces: [exportOnnx(checkpoint, features)], notes: [] }
      : exportWeights(checkpoint, format);
  await writePieces(out, pieces);
  const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
  const what = format === 'onnx' ? features : format;
  terminal.out(`${checkpoint.directory} → ${out} (${(bytes / 1e6).toFixed(1)} MB, ${what})`);
  for (const note of notes) terminal.out(note);
}

async function writePieces(out: string, pieces: readonly Uint8Array[]): Promise<void> {
  try {
    const file = await open(out, 'w');
    try {
      for (const piece of pieces) await file.writeFile(piece);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new MocoError('write-failed', `cannot write ${out}: ${messageOf(cause)}`, { cause });
  }
}
