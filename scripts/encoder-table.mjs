/**
 * Fills docs/encoders.md: torchvision's networks at full width, as scripts/references/encoders.py --full exports them.
 *
 *     for arch in resnet18 … ; do /usr/bin/python3 scripts/references/encoders.py --full --arch $arch --out DIR; done
 *     npm run build && node scripts/encoder-table.mjs DIR [NAME…]
 *
 * It prints the rows of the table. The gradient graphs are run by onnxruntime-web as anyone would run them, and three
 * steps are trained on drawn images, both on wasm.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as ort from 'onnxruntime-web/wasm';
import { describeDrawn, importEncoder, pretrain, readSafetensors, resolveConfig } from '../dist/index.js';
import { differentiate, encodeModel } from '../dist/onnx.js';

ort.env.wasm.numThreads = 1;

const [folder, ...names] = process.argv.slice(2);
const files = readdirSync(folder).filter((file) => file.endsWith('.onnx'));
console.log(
  '| network | opset | weights | kept an image | gradients | PyTorch float32 | moved | 3 steps | images/s |',
);
console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
for (const file of files) {
  const name = basename(file, '.onnx');
  if (names.length > 0 && !names.includes(name)) continue;
  console.log(`| ${(await row(name)).join(' | ')} |`);
}

async function row(name) {
  const bytes = readFileSync(join(folder, `${name}.onnx`));
  const recorded = readSafetensors(readFileSync(join(folder, `${name}.safetensors`)));
  const [{ opset, deviation, moved }] = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
  try {
    const gradient = differentiate(bytes);
    const count = [...gradient.weights.values()].reduce((sum, { data }) => sum + data.length, 0);
    const error = await gradientError(gradient, recorded);
    const kept = bytesKept(gradient);
    const { losses, imagesPerSecond } = await train(bytes, `${name}.onnx`);
    return [
      name,
      opset,
      `${(count / 1e6).toFixed(1)} M`,
      `${(kept / 1e6).toFixed(1)} MB`,
      error.toExponential(1),
      deviation.all.toExponential(1),
      moved.toExponential(1),
      losses.map((loss) => loss.toFixed(3)).join(', '),
      imagesPerSecond.toFixed(1),
    ];
  } catch (error) {
    return [name, opset, error.message.replaceAll('|', '\\|'), '', '', '', '', '', ''];
  }
}

/** Relative norm of the difference, over all gradients together. */
async function gradientError({ forward, backward, weights, manifest }, recorded) {
  const tensor = ({ data, shape }) => new ort.Tensor('float32', data, shape);
  const feeds = { [manifest.inputs[0]]: tensor(recorded.get('x')) };
  for (const [name, weight] of weights) feeds[name] = tensor(weight);
  const outputs = await runOnce(forward, feeds);
  const available = { ...feeds, ...outputs, [manifest.outputGradients.y]: tensor(recorded.get('dy')) };
  const wanted = manifest.backwardInputs.map((name) => [name, available[name]]);
  const gradients = await runOnce(backward, Object.fromEntries(wanted));
  let difference = 0;
  let size = 0;
  for (const [weight, output] of Object.entries(manifest.gradients)) {
    const expected = recorded.get(`grad.${weight}`).data;
    const actual = gradients[output].data;
    for (let i = 0; i < expected.length; i++) {
      difference += (actual[i] - expected[i]) ** 2;
      size += expected[i] ** 2;
    }
  }
  return Math.sqrt(difference / size);
}

async function runOnce(graph, feeds) {
  const session = await ort.InferenceSession.create(encodeModel(graph));
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** Bytes of saved activations an image. */
function bytesKept({ manifest }) {
  const batch = manifest.saved.flatMap(({ shape }) => shape).find((size) => typeof size === 'string');
  const elements = manifest.saved
    .filter(({ shape }) => shape[0] === batch)
    .map(({ shape }) => shape.slice(1).reduce((product, size) => product * size, 1));
  return 4 * elements.reduce((sum, n) => sum + n, 0);
}

async function train(bytes, arch) {
  const size = Number(/-(\d+)\.onnx$/.exec(arch)[1]);
  const options = { batchSize: 16, groups: 2, queueSize: 256, steps: 3, imageSize: size };
  const config = resolveConfig('moco-v2', { arch, ...options }, { images: 64 });
  const data = await describeDrawn(64, 1, size, 0);
  const losses = [];
  let imagesPerSecond = 0;
  for await (const event of pretrain({ config, data, encoder: await importEncoder(bytes, config) })) {
    if (event.type !== 'step') continue;
    losses.push(event.loss);
    // The first step also makes the sessions.
    imagesPerSecond = event.imagesPerSecond;
  }
  return { losses, imagesPerSecond };
}
