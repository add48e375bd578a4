// The convolutions of ResNets on WebGPU: forward, the gradient of the input, and the gradient of the weights, as graphs of
// onnxruntime-web and by our kernels, which are compared, too.
// npm run build && node bench/convolutions-webgpu.mjs [r18w64|r50|r18w16] [--images 32] [--seconds 500] [--small] [--json]
import { parseArgs } from 'node:util';
import { differentiateGraph, encodeModel } from '../dist/onnx.js';
import { measureConvolution, SMALL_CONVOLUTIONS } from './measure/convolutions.mjs';
import { limitsOfGpu } from './measure/limits.mjs';
import { SHAPES } from './measure/resnet-convolutions.mjs';
import { sessionsOfGpu } from './measure/sessions.mjs';
import { ort } from './onnxruntime-webgpu.mjs';
import { openGpu } from './webgpu-clock.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    images: { type: 'string', default: '32' },
    seconds: { type: 'string', default: '500' },
    small: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const { small } = options;
const end = performance.now() + 1000 * Number(options.seconds);
const gpu = await openGpu();
const limits = await limitsOfGpu(gpu, small);
const context = {
  ...{ ...gpu, limits, ort, encodeModel, differentiateGraph, provider: 'webgpu' },
  sessions: sessionsOfGpu(ort, gpu),
};

const wanted = positionals.length > 0 ? positionals : ['r18w64', 'r50'];
const unknown = wanted.find((name) => !(name in SHAPES));
if (unknown !== undefined) throw new Error(`no network is called ${unknown}`);
const [results, leftOut] = [[], []];
for (const net of wanted) {
  const all = SHAPES[net].map(([count, , ...rest]) => [count, Number(options.images), ...rest]);
  for (const given of small ? SMALL_CONVOLUTIONS : all) {
    const name = `${net} ${given.join(' ')}`;
    if (performance.now() > end) {
      leftOut.push(name);
      continue;
    }
    // Where a driver hangs, this is what tells at which.
    console.error(name);
    results.push({ net, ...(await measureConvolution(context, given)) });
  }
}
gpu.close();

if (options.json) console.log(JSON.stringify({ adapter: gpu.adapter, limits, results, leftOut }));
else {
  console.log(`${gpu.adapter.name}: ${limits.gflops.toFixed(1)} GFLOP/s in registers; GFLOP/s of:\n`);
  console.log(
    '| net | times | shape | forward | by kernel | input gradient | by kernel | weight gradient | by kernel | of its floor | difference |',
  );
  console.log('|---|---|---|---|---|---|---|---|---|---|---|');
  for (const { net, count, shape, difference: apart, ...found } of results) {
    const of = ['forward', 'inputGradient', 'weightGradient'].flatMap((what) => [what, `${what}ByKernel`]);
    const rates = of.map((what) => found[what]?.gflops.toFixed(1) ?? '–');
    const share = `${(100 * found.weightGradientByKernel.ofFloor).toFixed(0)} %`;
    console.log(`| ${[net, count, shape, ...rates, share, apart?.toExponential(1)].join(' | ')} |`);
  }
  for (const shape of leftOut) console.log(`left out, as the time was over: ${shape}`);
}
