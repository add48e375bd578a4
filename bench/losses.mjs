// Trains the same steps on drawn images with each backend and puts the losses side by side: do they learn the same?
// npm run build && node bench/losses.mjs [--steps 30] [--backends webgpu,wasm] [--small] [--json]
import { parseArgs } from 'node:util';
import * as moco from '../dist/index.js';
import { ENCODERS, largestDifference, trainLosses } from './measure/losses.mjs';

const { values: options } = parseArgs({
  options: {
    steps: { type: 'string', default: '30' },
    backends: { type: 'string', default: 'webgpu,wasm' },
    small: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const encoder = ENCODERS[options.small ? 'small' : 'whole'];
const trained = [];
for (const backend of options.backends.split(','))
  trained.push(await trainLosses(moco, { encoder, steps: Number(options.steps), backend }));
const runs = trained.map(({ run }) => run);
const most = largestDifference(runs.map(({ losses }) => losses));

if (options.json) console.log(JSON.stringify({ config: trained[0].config, runs, largestDifference: most }));
else {
  console.log(
    `| step | ${runs.map(({ backend }) => backend).join(' | ')} |\n|---|${runs.map(() => '---|').join('')}`,
  );
  for (const i of runs[0].losses.keys())
    console.log(`| ${i + 1} | ${runs.map(({ losses }) => losses[i].toFixed(6)).join(' | ')} |`);
  if (most !== null) console.log(`\nlargest difference: ${most.toExponential(2)}`);
}
