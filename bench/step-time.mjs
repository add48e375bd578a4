// Where the time of whole training steps goes on WebGPU: by operator, as onnxruntime-web's profiler and timestamp queries tell,
// and by kernel of ours, by timestamp queries. Profiling makes steps slower: how fast they are, `moco-web bench` tells.
// npm run build && node bench/step-time.mjs [r18|r50] [--images 32] [--small] [--json]
import { parseArgs } from 'node:util';
import {
  chooseBackend,
  describeDrawn,
  factsOf,
  pretrain,
  resolveConfig,
  setOnnxRuntime,
} from '../dist/index.js';
import { ort } from './onnxruntime-webgpu.mjs';
import { operatorTimes, profiled } from './ort-profile.mjs';
import { timeDispatches } from './webgpu-dispatches.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    images: { type: 'string', default: '32' },
    small: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const NETWORKS = {
  r18: { arch: 'resnet18', width: 64, imageSize: 32, dim: 128, queueSize: 4096 },
  r50: { arch: 'resnet50', width: 64, imageSize: 224, dim: 128, queueSize: 65536 },
};
const SMALL = { width: 4, imageSize: 16, dim: 16, queueSize: 64 };
const [network = 'r18'] = positionals;
if (!(network in NETWORKS)) throw new Error(`no network is called ${network}`);
const images = options.small ? 4 : Number(options.images);
const encoder = { ...NETWORKS[network], ...(options.small ? SMALL : {}), batchSize: images, groups: 1 };

const STEPS = options.small ? 1 : 3;

// Before anything is made: sessions then have their profilers, and every dispatch its clock.
const profiler = profiled(ort);
setOnnxRuntime(profiler.ort);
const clock = await timeDispatches();
const backend = await chooseBackend('webgpu');
const data = await describeDrawn(4 * images, images, encoder.imageSize, 0);
const config = resolveConfig('moco-v2', { ...encoder, steps: STEPS, seed: 0 }, factsOf(data));
const losses = [];
for await (const event of pretrain({ config, data, backend }))
  if (event.type === 'step') losses.push(event.loss);
const { kernels, untimed } = await clock.kernels();
const { operators, hosts } = operatorTimes(profiler.events);

/** Of one step. */
const each = (found, ...names) =>
  found?.map((row) => ({ ...row, ...Object.fromEntries(names.map((name) => [name, row[name] / STEPS])) })) ??
  null;
const report = {
  ...{ adapter: backend.adapter, network, images, groups: 1, losses },
  operators: each(operators, 'runs', 'gpuMs'),
  hosts: each(hosts, 'runs', 'hostMs'),
  kernels: each(kernels, 'dispatches', 'gpuMs'),
  untimed,
};
if (options.json) console.log(JSON.stringify(report));
else {
  const sum = (rows, name) => rows.reduce((total, row) => total + row[name], 0);
  console.log(`${backend.adapter}: a step of ${network}, ${images} images\n`);
  console.log('| operator or kernel | program | times | ms of the GPU |\n|---|---|---|---|');
  for (const { operator, program, runs, gpuMs } of report.operators)
    console.log(`| ${operator} | ${program} | ${runs} | ${gpuMs.toPrecision(3)} |`);
  for (const { kernel, dispatches, gpuMs } of report.kernels ?? [])
    console.log(`| ${kernel} | ours | ${dispatches.toFixed(1)} | ${gpuMs.toPrecision(3)} |`);
  const total = sum(report.operators, 'gpuMs') + sum(report.kernels ?? [], 'gpuMs');
  console.log(
    `\n${total.toFixed(1)} ms of the GPU; onnxruntime on the host, ${sum(report.hosts, 'hostMs').toFixed(1)} ms:`,
  );
  console.log('| operator | runs | ms of the host |\n|---|---|---|');
  for (const { operator, runs, hostMs } of report.hosts)
    console.log(`| ${operator} | ${runs.toFixed(1)} | ${hostMs.toPrecision(3)} |`);
}
