// Trains the same steps on drawn images with each backend and puts the losses side by side: do they learn the same?
// npm run build && node bench/losses.mjs [--steps 30] [--backends webgpu,wasm] [--small] [--json]
import { parseArgs } from 'node:util';
import { chooseBackend, describeDrawn, factsOf, pretrain, resolveConfig } from '../dist/index.js';

const { values: options } = parseArgs({
  options: {
    steps: { type: 'string', default: '30' },
    backends: { type: 'string', default: 'webgpu,wasm' },
    small: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const ENCODER = options.small
  ? { arch: 'resnet18', width: 4, imageSize: 16, dim: 16, batchSize: 16, groups: 2, queueSize: 64 }
  : { arch: 'resnet18', width: 16, imageSize: 32, dim: 128, batchSize: 64, groups: 2, queueSize: 1024 };

const data = await describeDrawn(4 * ENCODER.batchSize, ENCODER.batchSize, ENCODER.imageSize, 0);
const config = resolveConfig('moco-v2', { ...ENCODER, steps: Number(options.steps), seed: 0 }, factsOf(data));
const runs = [];
for (const name of options.backends.split(',')) {
  const backend = await chooseBackend(name);
  const losses = [];
  const start = performance.now();
  for await (const event of pretrain({ config, data, backend })) {
    if (event.type === 'step') losses.push(event.loss);
  }
  const seconds = (performance.now() - start) / 1000;
  runs.push({ backend: backend.backend, adapter: backend.adapter, seconds, losses });
}
const [first, second] = runs;
const apart = second && first.losses.map((loss, i) => Math.abs(loss - second.losses[i]));
const most = apart ? Math.max(...apart) : null;

if (options.json) console.log(JSON.stringify({ config, runs, largestDifference: most }));
else {
  console.log(
    `| step | ${runs.map(({ backend }) => backend).join(' | ')} |\n|---|${runs.map(() => '---|').join('')}`,
  );
  for (const i of first.losses.keys())
    console.log(`| ${i + 1} | ${runs.map(({ losses }) => losses[i].toFixed(6)).join(' | ')} |`);
  if (most !== null) console.log(`\nlargest difference: ${most.toExponential(2)}`);
}
