import type { Command } from 'commander';
import { differentiateModel, type ModelGradient } from '../autodiff/differentiate-model.ts';
import { PROVIDERS, type Provider } from '../autodiff/lowering.ts';
import { writeSafetensors } from '../formats/safetensors.ts';
import { knownFactor, product } from '../onnx/dims.ts';
import { encodeModel } from '../onnx/model.ts';
import { readModelFile } from './model-file.ts';
import { addLimitOptions, choice } from './options.ts';
import type { Terminal } from './terminal.ts';
import { WholeFile } from './whole-file.ts';

interface DifferentiateCommandOptions {
  out: string;
  wrt: string;
  backend: Provider;
  batchNorm: 'train' | 'eval';
  recompute: 'least' | 'cheap';
  frozen?: string;
  train?: string;
  seconds?: number;
  bytes?: number;
}

export function registerDifferentiate(program: Command, terminal: Terminal): void {
  const command = program
    .command('differentiate')
    .description('write the gradient of an exported ONNX model as ONNX graphs')
    .argument('<model.onnx>', 'exported by torch.onnx, opset 7 to 23')
    .requiredOption(
      '--out <dir>',
      'folder for forward.onnx, backward.onnx, weights.safetensors, gradient.json',
    )
    .option('--wrt <names>', 'all, or weights and inputs separated by commas', 'all')
    .addOption(choice('--backend <name>', 'whose operators to use', PROVIDERS).default('wasm'))
    .addOption(
      choice('--batch-norm <mode>', 'statistics that BatchNorm uses', ['train', 'eval']).default('train'),
    )
    .addOption(
      choice('--recompute <level>', 'what backward computes again', ['least', 'cheap']).default('cheap'),
    )
    .option('--frozen <names>', 'initializers that stay as they are, by names or patterns with commas')
    .option('--train <names>', 'initializers that are trained whatever their names say');
  addLimitOptions(command).action((model: string, options: DifferentiateCommandOptions) =>
    runDifferentiate(model, options, terminal),
  );
}

async function runDifferentiate(
  file: string,
  options: DifferentiateCommandOptions,
  terminal: Terminal,
): Promise<void> {
  const { bytes, externalData } = await readModelFile(file);
  const gradient = differentiateModel(bytes, {
    externalData,
    wrt: options.wrt === 'all' ? 'all' : options.wrt.split(',').map((name) => name.trim()),
    provider: options.backend,
    batchNorm: options.batchNorm,
    recompute: options.recompute,
    frozen: options.frozen,
    train: options.train,
    limits: { seconds: options.seconds, bytes: options.bytes },
  });
  await writeGradient(options.out, gradient);
  for (const note of gradient.notes) terminal.out(`note: ${note}`);
  const { manifest } = gradient;
  const count = Object.keys(manifest.gradients).length;
  terminal.out(`${file}: gradients of ${count} of ${manifest.weights.length} weights`);
  terminal.out(
    `forward   ${gradient.forward.nodes.length} nodes, keeps ${keptPerImage(gradient)} MB an image`,
  );
  terminal.out(`backward  ${gradient.backward.nodes.length} nodes`);
  terminal.out(`written to ${options.out}`);
}

async function writeGradient(
  out: string,
  { forward, backward, weights, manifest }: ModelGradient,
): Promise<void> {
  const tensors = [...weights].map(
    ([name, { shape, data }]) => [name, { dtype: 'F32', shape, data: data as Float32Array }] as const,
  );
  const files = {
    'forward.onnx': encodeModel(forward),
    'backward.onnx': encodeModel(backward),
    'weights.safetensors': writeSafetensors(new Map(tensors)),
    'gradient.json': new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`),
  };
  // All are there, whole, before the first takes its place: a full disk leaves the old ones.
  const written: WholeFile[] = [];
  try {
    for (const [name, bytes] of Object.entries(files)) {
      const file = await WholeFile.create(`${out}/${name}`);
      written.push(file);
      await file.write(bytes);
    }
  } catch (error) {
    for (const file of written) await file.discard();
    throw error;
  }
  for (const file of written) await file.finish();
}

/** Of values without the batch, such as statistics, an image's share where the batch is known. */
function keptPerImage({ forward, manifest }: ModelGradient): string {
  const batch = forward.inputs.find(({ name }) => name === manifest.inputs[0])?.shape[0];
  const images = typeof batch === 'number' ? batch : 1;
  const elements = manifest.saved.reduce((sum, { shape }) => sum + knownFactor(product(shape)), 0);
  return ((4 * elements) / images / 1e6).toFixed(1);
}
