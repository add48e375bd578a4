// Input gradients of the convolutions of ResNets on wasm: our kernel, our convolution of the same sizes forward, and onnxruntime-web, by Conv
// with weights turned round in the graph where the stride is 1, else by ConvTranspose. One thread each, in one process and in turns; best of nine.
// npm run build && node bench/conv-input-gradient.mjs [r18w16|r18w64|r50]
import * as ort from 'onnxruntime-web/wasm';
import { createWasmKernels } from '../dist/kernels.js';
import { fromSources } from './from-sources.mjs';
import { SHAPES } from './measure/resnet-convolutions.mjs';

const lib = await fromSources({ 'onnx/graph.ts': ['GraphBuilder'], 'onnx/model.ts': ['encodeModel'] });
ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

const kernels = await createWasmKernels();
const noise = (length) => Float32Array.from({ length }, () => Math.random() - 0.5);
const put = (values) => {
  const array = kernels.allocate(values.length);
  kernels.write(array, values);
  return array;
};

/** Conv, with filters and channels swapped and taps in reverse. */
function turned(g, k, pad) {
  const swapped = g.op('Transpose', ['w'], { perm: [1, 0, 2, 3] });
  const from = g.ints([-1, -1]);
  const end = g.ints([-k - 1, -k - 1]);
  const w = g.op('Slice', [swapped, from, end, g.ints([2, 3]), g.ints([-1, -1])]);
  const rest = k - 1 - pad;
  return g.op('Conv', ['dy', w], { kernel_shape: [k, k], pads: [rest, rest, rest, rest] });
}

function transposed(g, { kernel, strides, pads, height, outHeight }) {
  const rest = height - ((outHeight - 1) * strides[0] + kernel[0] - 2 * pads[0]);
  const output = { output_padding: [rest, rest] };
  return g.op('ConvTranspose', ['dy', 'w'], { kernel_shape: kernel, strides, pads, ...output });
}

/** What is compared has to be the same. */
async function checked(shape, arrays, session, feeds) {
  kernels.convInputGradient({ ...shape, ...arrays });
  const got = await kernels.read(arrays.dx);
  const [{ data }] = Object.values(await session.run(feeds));
  const worst = data.reduce((most, value, i) => Math.max(most, Math.abs(value - got[i])), 0);
  if (!(worst < 1e-3)) throw new Error(`they differ by ${worst}`);
  return arrays;
}

async function measure([, batch, channels, filters, size, k, stride]) {
  const pad = k >> 1;
  const out = Math.floor((size + 2 * pad - k) / stride) + 1;
  const [kernel, strides, pads] = [
    [k, k],
    [stride, stride],
    [pad, pad, pad, pad],
  ];
  const shape = {
    ...{ batch, channels, height: size, width: size, filters, outHeight: out, outWidth: out, groups: 1 },
    ...{ kernel, strides, pads, dilations: [1, 1] },
  };
  const [length, outLength] = [batch * channels * size * size, batch * filters * out * out];
  const [dy, w] = [noise(outLength), noise(filters * channels * k * k)];
  const arrays = { dy: put(dy), weight: put(w), dx: kernels.allocate(length) };
  const forward = { x: put(noise(length)), weight: arrays.weight, y: kernels.allocate(outLength) };
  const g = new lib.GraphBuilder('gradient');
  g.input('dy', [batch, filters, out, out]);
  g.input('w', [filters, channels, k, k]);
  g.output(stride === 1 ? turned(g, k, pad) : transposed(g, shape), [batch, channels, size, size]);
  const session = await ort.InferenceSession.create(lib.encodeModel(g.build()), {
    executionProviders: ['wasm'],
  });
  const feeds = {
    dy: new ort.Tensor('float32', dy, [batch, filters, out, out]),
    w: new ort.Tensor('float32', w, [filters, channels, k, k]),
  };
  const { dx } = await checked(shape, arrays, session, feeds);
  const bodies = [
    () => kernels.convInputGradient({ ...shape, ...arrays, dx }),
    () => kernels.convolution({ ...shape, ...forward }),
    () => session.run(feeds),
  ];
  const best = bodies.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < 10; round++) {
    for (const [i, body] of bodies.entries()) {
      const start = performance.now();
      await body();
      // The first is for the compiler.
      if (round > 0) best[i] = Math.min(best[i], performance.now() - start);
    }
  }
  for (const array of [...Object.values(arrays), forward.x, forward.y]) kernels.free(array);
  await session.release();
  const flop = 2 * batch * out * out * filters * channels * k * k;
  return { name: `${batch}×${channels}→${filters}, ${size} px, ${k}×${k}/${stride}`, flop, best };
}

function row(name, count, flop, [own, forward, peer]) {
  const rates = [own, forward].map((ms) => (flop / ms / 1e6).toFixed(1));
  const cells = [own.toFixed(2), rates[0], forward.toFixed(2), rates[1], peer.toFixed(2)];
  console.log(`| ${[name, count, ...cells, (peer / own).toFixed(2)].join(' | ')} |`);
}

const wanted = process.argv.slice(2).filter((name) => name in SHAPES);
console.log('| convolution | a pass | ms | GFLOP/s | forward, ms | GFLOP/s | onnxruntime-web, ms | ratio |');
console.log('|---|---|---|---|---|---|---|---|');
for (const net of wanted.length > 0 ? wanted : Object.keys(SHAPES)) {
  const sums = [0, 0, 0];
  let all = 0;
  // Nobody asks for the gradient of the images.
  for (const given of SHAPES[net].slice(1)) {
    const { name, flop, best } = await measure(given);
    all += given[0] * flop;
    for (const [i, ms] of best.entries()) sums[i] += given[0] * ms;
    row(name, given[0], flop, best);
  }
  row(`**${net}**, all but the first`, '', all, sums);
}
kernels.dispose();
