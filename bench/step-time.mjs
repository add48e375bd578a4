// Where the time of whole training steps goes on WebGPU: by operator, as onnxruntime-web's profiler and timestamp queries tell,
// and by kernel of ours, by timestamp queries. Profiling makes steps slower: how fast they are, `moco-web bench` tells.
// npm run build && node bench/step-time.mjs [r18|r50] [--images 32] [--layout NHWC|NCHW] [--small] [--json]
import { parseArgs } from 'node:util';
import * as moco from '../dist/index.js';
import { NETWORKS } from './measure/networks.mjs';
import { timeOfSteps } from './measure/step-time.mjs';
import { ort } from './onnxruntime-webgpu.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    images: { type: 'string', default: '32' },
    layout: { type: 'string' },
    small: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const [network = 'r18'] = positionals;
if (!(network in NETWORKS)) throw new Error(`no network is called ${network}`);
const { small, layout } = options;
const times = await timeOfSteps(moco, ort, {
  // The layers of the one that is asked for.
  network: small ? { ...NETWORKS.small, arch: NETWORKS[network].arch } : NETWORKS[network],
  images: small ? 4 : Number(options.images),
  steps: small ? 1 : 3,
  layout,
});
const report = { network, ...times };
if (options.json) console.log(JSON.stringify(report));
else {
  const sum = (rows, name) => rows.reduce((total, row) => total + row[name], 0);
  console.log(`${report.adapter}: a step of ${network}, ${report.images} images\n`);
  console.log('| operator or kernel | program | times | ms of the GPU |\n|---|---|---|---|');
  for (const { operator, program, runs, gpuMs } of report.operators)
    console.log(`| ${operator} | ${program} | ${runs} | ${gpuMs.toPrecision(3)} |`);
  for (const { kernel, dispatches, gpuMs } of report.kernels ?? [])
    console.log(`| ${kernel} | ours | ${dispatches.toFixed(1)} | ${gpuMs.toPrecision(3)} |`);
  const dispatches = sum(report.operators, 'runs');
  const transposes = sum(
    report.operators.filter(({ program }) => program === 'Transpose'),
    'runs',
  );
  console.log(
    `\nonnxruntime's dispatches: ${dispatches.toFixed(0)}, of which transposes ${transposes.toFixed(0)}`,
  );
  const total = sum(report.operators, 'gpuMs') + sum(report.kernels ?? [], 'gpuMs');
  console.log(
    `\n${total.toFixed(1)} ms of the GPU; onnxruntime on the host, ${sum(report.hosts, 'hostMs').toFixed(1)} ms:`,
  );
  console.log('| operator | runs | ms of the host |\n|---|---|---|');
  for (const { operator, runs, hostMs } of report.hosts)
    console.log(`| ${operator} | ${runs.toFixed(1)} | ${hostMs.toPrecision(3)} |`);
}
