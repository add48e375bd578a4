// The weight gradients of ResNets on wasm: our kernel, and what it takes the place of, the Gemm over im2col that
// autodiff/weight-gradient.ts writes for onnxruntime-web. One thread each, in one process and in turns;
// processor time, best and median of nine.
// The floor is that of kernels.mjs: independent 128-bit multiplications and additions in registers.
// npm run build && node bench/conv-weight-gradient.mjs [r18w16|r18w64|r50] [--alone]
import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-web/wasm';
import { createWasmKernels } from '../dist/kernels.js';
import { fromSources } from './from-sources.mjs';
import { SHAPES } from './measure/resnet-convolutions.mjs';

const lib = await fromSources({
  'autodiff/weight-gradient.ts': ['weightGradientAs'],
  'onnx/graph.ts': ['GraphBuilder'],
  'onnx/model.ts': ['encodeModel'],
});
ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

/** Processor time in milliseconds: other work on the machine counts less. */
function now() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const kernels = await createWasmKernels();
const alone = process.argv.includes('--alone');
const noise = (length) => Float32Array.from({ length }, () => Math.random() - 0.5);

async function session([, batch, channels, filters, size, kernel], shape) {
  const window = {
    kernel: shape.kernel,
    strides: shape.strides,
    pads: shape.pads,
    dilations: [1, 1],
    ceil: false,
  };
  const convolution = { window, batch, x: [channels, size, size], outChannels: filters, groups: 1 };
  const g = new lib.GraphBuilder('gradient');
  g.input('x', [batch, channels, size, size]);
  g.input('dy', [batch, filters, shape.outHeight, shape.outWidth]);
  g.output(lib.weightGradientAs('pixels', g, 'dy', 'x', convolution), [filters, channels, kernel, kernel]);
  return ort.InferenceSession.create(lib.encodeModel(g.build()), { executionProviders: ['wasm'] });
}

async function measure(given) {
  const [count, batch, channels, filters, size, k, stride] = given;
  const pad = k >> 1;
  const out = Math.floor((size + 2 * pad - k) / stride) + 1;
  const shape = {
    ...{ batch, channels, height: size, width: size, filters, outHeight: out, outWidth: out, groups: 1 },
    ...{ kernel: [k, k], strides: [stride, stride], pads: [pad, pad, pad, pad], dilations: [1, 1] },
  };
  const [x, dy] = [noise(batch * channels * size * size), noise(batch * filters * out * out)];
  const put = (values) => {
    const array = kernels.allocate(values.length);
    kernels.write(array, values);
    return array;
  };
  const arrays = { x: put(x), dy: put(dy), gradient: kernels.allocate(filters * channels * k * k) };
  const bodies = [() => kernels.convWeightGradient({ ...shape, ...arrays, add: false })];
  const peer = alone ? null : await session(given, shape);
  if (peer) {
    const feeds = {
      x: new ort.Tensor('float32', x, [batch, channels, size, size]),
      dy: new ort.Tensor('float32', dy, [batch, filters, out, out]),
    };
    bodies.push(async () => {
      await peer.run(feeds);
    });
  }
  const times = bodies.map(() => []);
  for (let round = 0; round < 10; round++) {
    for (const [i, body] of bodies.entries()) {
      const start = now();
      await body();
      // The first is for the compiler.
      if (round > 0) times[i].push(now() - start);
    }
  }
  for (const array of Object.values(arrays)) kernels.free(array);
  await peer?.release();
  const flop = 2 * batch * out * out * filters * channels * k * k;
  const found = times
    .map((list) => list.sort((a, b) => a - b))
    .map((list) => ({ best: list[0], median: list[4] }));
  return { count, name: `${batch}×${channels}→${filters}, ${size} px, ${k}×${k}/${stride}`, flop, found };
}

const bytes = readFileSync(new URL('../dist/kernels.wasm', import.meta.url));
const memory = new WebAssembly.Memory({ initial: 16, maximum: 65535, shared: true });
const { peak } = (await WebAssembly.instantiate(bytes, { env: { memory } })).instance.exports;
/** GFLOP/s of registers alone, the best of 25. */
function floor() {
  peak(3e7, 1);
  const times = Array.from({ length: 25 }, () => {
    const start = now();
    peak(1e7, 1);
    return now() - start;
  });
  return (56 * 1e7) / Math.min(...times) / 1e6;
}

const wanted = process.argv.slice(2).filter((name) => name in SHAPES);
const limit = floor();
console.log(`floor: ${limit.toFixed(1)} GFLOP/s\n`);
console.log(
  '| net | a step | shape | median ms | best ms | GFLOP/s | of the floor | im2col + Gemm ms | ratio |',
);
console.log('|---|---|---|---|---|---|---|---|---|');
for (const net of wanted.length > 0 ? wanted : Object.keys(SHAPES)) {
  const sums = [0, 0, 0];
  for (const given of SHAPES[net]) {
    const { count, name, flop, found } = await measure(given);
    const [own, other] = found;
    const rate = flop / own.best / 1e6;
    sums[0] += count * flop;
    sums[1] += count * own.best;
    sums[2] += count * (other?.best ?? 0);
    const cells = [net, count, name, own.median.toFixed(2), own.best.toFixed(2), rate.toFixed(1)];
    const peers = other ? [other.best.toFixed(2), (other.best / own.best).toFixed(2)] : ['', ''];
    console.log(`| ${[...cells, `${((100 * rate) / limit).toFixed(0)} %`, ...peers].join(' | ')} |`);
  }
  const rate = sums[0] / sums[1] / 1e6;
  const peers = alone ? ['', ''] : [sums[2].toFixed(1), (sums[2] / sums[1]).toFixed(2)];
  const cells = [
    net,
    '',
    'all',
    '',
    sums[1].toFixed(1),
    rate.toFixed(1),
    `${((100 * rate) / limit).toFixed(0)} %`,
  ];
  console.log(`| ${[...cells, ...peers].join(' | ')} |`);
}
kernels.dispose();
