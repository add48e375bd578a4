// The convolutions of ResNets on WebGPU: forward, the gradient of the input, and the gradient of the weights as a graph of
// onnxruntime-web and as our kernel, which are compared, too.
// npm run build && node bench/convolutions-webgpu.mjs [r18w64|r50|r18w16] [--images 32] [--seconds 500] [--small] [--json]
import { parseArgs } from 'node:util';
import { differentiateGraph, encodeModel } from '../dist/onnx.js';
import { ort } from './onnxruntime-webgpu.mjs';
import { SHAPES } from './resnet-convolutions.mjs';
import { limitsOf, openGpu } from './webgpu-clock.mjs';

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
const { device, kernels, clock, noise } = gpu;
const limits = await limitsOf(gpu, small);

const value = (name, shape) => ({ name, type: 'float32', shape });
const product = (shape) => shape.reduce((a, b) => a * b, 1);

/** For a trial on a software adapter: an eighth of the channels, half of the size. */
const shrunk = ([count, , channels, filters, size, kernel, stride]) => [
  ...[count, 2, Math.max(3, channels >> 3), filters >> 3, Math.max(kernel, size >> 1), kernel, stride],
];

function geometryOf([, batch, channels, filters, size, k, stride]) {
  const pad = k >> 1;
  const out = Math.floor((size + 2 * pad - k) / stride) + 1;
  return {
    ...{ batch, channels, height: size, width: size, filters, outHeight: out, outWidth: out, groups: 1 },
    ...{ kernel: [k, k], strides: [stride, stride], pads: [pad, pad, pad, pad], dilations: [1, 1] },
  };
}

function graphsOf(geometry, shapes) {
  const { kernel, strides, pads, dilations } = geometry;
  const attributes = { kernel_shape: kernel, strides, pads, dilations, group: 1 };
  const node = { name: 'conv', op: 'Conv', domain: '', inputs: ['x', 'w'], outputs: ['y'], attributes };
  const forward = {
    ...{ name: 'convolution', opset: 17, constants: new Map(), nodes: [node] },
    inputs: [value('x', shapes.x), value('w', shapes.w)],
    outputs: [value('y', shapes.y)],
  };
  const gradient = (of) => {
    const written = differentiateGraph(forward, { wrt: [of], outputs: ['y'], provider: 'webgpu' });
    return { graph: written.backward, dy: written.outputGradients.get('y') };
  };
  return { forward: { graph: forward }, inputGradient: gradient('x'), weightGradient: gradient('w') };
}

async function openSession({ graph, dy }, arrays, shapes) {
  const session = await ort.InferenceSession.create(encodeModel(graph), {
    executionProviders: [{ name: 'webgpu', device }],
    extra: { session: { disable_cpu_ep_fallback: '1' } },
    preferredOutputLocation: 'gpu-buffer',
  });
  const feeds = {};
  for (const name of session.inputNames) {
    const of = name === dy ? 'y' : name;
    const buffer = kernels.buffer(arrays[of]);
    feeds[name] = ort.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims: shapes[of] });
  }
  const run = async () => Object.values(await session.run(feeds))[0];
  const read = async () => {
    const output = await run();
    const values = await output.getData(true);
    return values;
  };
  return { run: async () => (await run()).dispose(), read, close: () => session.release() };
}

/** The largest difference, as a share of the largest value. */
function difference(a, b) {
  let [most, largest] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    most = Math.max(most, Math.abs(a[i] - b[i]));
    largest = Math.max(largest, Math.abs(a[i]));
  }
  return a.length === b.length ? most / largest : null;
}

async function measure(net, given) {
  const [count, batch, channels, filters, size, k, stride] = given;
  // Where a driver hangs, this is what tells at which.
  console.error(`${net} ${given.join(' ')}`);
  const geometry = geometryOf(given);
  const { outHeight: out } = geometry;
  const shapes = {
    x: [batch, channels, size, size],
    w: [filters, channels, k, k],
    y: [batch, filters, out, out],
  };
  const arrays = { x: noise(product(shapes.x)), w: noise(product(shapes.w)), y: noise(product(shapes.y)) };
  const gradient = kernels.allocate(product(shapes.w));
  const flop = 2 * batch * out * out * product(shapes.w);
  const timed = async (body) => {
    const { wallMs, gpuMs } = await clock.time(body);
    return { wallMs, gpuMs, gflops: flop / (gpuMs ?? wallMs) / 1e6 };
  };
  const kernel = () =>
    kernels.convWeightGradient({ ...geometry, x: arrays.x, dy: arrays.y, gradient, add: false });
  const found = {};
  const graphs = graphsOf(geometry, shapes);
  // The images of a network get no gradient.
  if (channels === 3) delete graphs.inputGradient;
  kernel();
  const own = await kernels.read(gradient);
  let apart = null;
  for (const [what, graph] of Object.entries(graphs)) {
    const session = await openSession(graph, arrays, shapes);
    if (what === 'weightGradient') apart = difference(await session.read(), own);
    found[what] = await timed(session.run);
    await session.close();
  }
  found.weightGradientByKernel = await timed(kernel);
  for (const array of [...Object.values(arrays), gradient]) kernels.free(array);
  const shape = `${batch}×${channels}→${filters}, ${size} px, ${k}×${k}/${stride}`;
  return { net, count, shape, flop, ...found, difference: apart };
}

const wanted = positionals.length > 0 ? positionals : ['r18w64', 'r50'];
const unknown = wanted.find((name) => !(name in SHAPES));
if (unknown !== undefined) throw new Error(`no network is called ${unknown}`);
const [results, leftOut] = [[], []];
for (const net of wanted) {
  const all = SHAPES[net].map(([count, , ...rest]) => [count, Number(options.images), ...rest]);
  for (const given of small ? all.slice(0, 4).map(shrunk) : all) {
    if (performance.now() > end) leftOut.push(`${net} ${given.join(' ')}`);
    else results.push(await measure(net, given));
  }
}
gpu.close();

if (options.json) console.log(JSON.stringify({ adapter: gpu.adapter, limits, results, leftOut }));
else {
  console.log(`${gpu.adapter.name}: ${limits.gflops.toFixed(1)} GFLOP/s in registers; GFLOP/s of:\n`);
  console.log(
    '| net | times | shape | forward | input gradient | weight gradient, graph | by kernel | difference |',
  );
  console.log('|---|---|---|---|---|---|---|---|');
  for (const { net, count, shape, difference: apart, ...found } of results) {
    const of = ['forward', 'inputGradient', 'weightGradient', 'weightGradientByKernel'];
    const rates = of.map((what) => found[what]?.gflops.toFixed(1) ?? '–');
    console.log(`| ${[net, count, shape, ...rates, apart?.toExponential(1)].join(' | ')} |`);
  }
  for (const shape of leftOut) console.log(`left out, as the time was over: ${shape}`);
}
