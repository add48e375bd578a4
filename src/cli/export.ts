import type { Command } from 'commander';
import { type LoadedCheckpoint, loadCheckpoint } from '../checkpoint/run-directory.ts';
import type { FeatureKind } from '../encoder/embeddings.ts';
import { exportOnnx } from '../models/export-onnx.ts';
import { Random, STREAMS } from '../random.ts';
import { Embedder } from '../search/embedder.ts';
import { exportWeights } from '../train/export-weights.ts';
import { requireHead } from '../train/unknown-settings.ts';
import { WEIGHT_FORMATS, type WeightFormat } from '../train/weight-formats.ts';
import { choice } from './options.ts';
import type { Terminal } from './terminal.ts';
import { writeWholeFile } from './whole-file.ts';

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
  if (format === 'onnx') await requireFiniteFeatures(checkpoint, features);
  await writeWholeFile(out, pieces);
  const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
  const what = format === 'onnx' ? features : format;
  terminal.out(`${checkpoint.directory} → ${out} (${(bytes / 1e6).toFixed(1)} MB, ${what})`);
  for (const note of notes) terminal.out(note);
}

/** Weights may be finite and what comes of them not: an image of noise tells. @throws MocoError features-not-finite */
async function requireFiniteFeatures(checkpoint: LoadedCheckpoint, features: FeatureKind): Promise<void> {
  const { imageSize } = checkpoint.state.config;
  const random = new Random({ seed: 0, stream: STREAMS.firstView });
  const data = Uint8ClampedArray.from({ length: 3 * imageSize * imageSize }, () => random.integer(256));
  const embedder = await Embedder.open(
    { kind: 'checkpoint', checkpoint },
    { backend: 'wasm', workers: 1, features },
  );
  try {
    await embedder.embed([{ kind: 'pixels', pixels: { data, width: imageSize, height: imageSize } }]);
  } finally {
    await embedder.dispose();
  }
}
