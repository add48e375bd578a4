// Convolutions of ResNets on wasm: our kernel, alone and with copies of what it reads and gives, beside onnxruntime-web's Conv.
// One thread each, in one process and in turns; best of nine.
// npm run build && node bench/convolution.mjs [r18w16|r18w64|r50]
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
  const [x, w] = [noise(batch * channels * size * size), noise(filters * channels * k * k)];
  const arrays = { x: put(x), weight: put(w), y: kernels.allocate(batch * filters * out * out) };
  const g = new lib.GraphBuilder('convolution');
  g.input('x', [batch, channels, size, size]);
  g.input('w', [filters, channels, k, k]);
  const y = g.op('Conv', ['x', 'w'], { kernel_shape: kernel, strides, pads });
  g.output(y, [batch, filters, out, out]);
  const session = await ort.InferenceSession.create(lib.encodeModel(g.build()), {
    executionProviders: ['wasm'],
  });
  const feeds = {
    x: new ort.Tensor('float32', x, [batch, channels, size, size]),
    w: new ort.Tensor('float32', w, [filters, channels, k, k]),
  };
  const bodies = [
    () => kernels.convolution({ ...shape, ...arrays }),
    () => {
      kernels.write(arrays.x, x);
      kernels.write(arrays.weight, w);
      kernels.convolution({ ...shape, ...arrays });
      return kernels.read(arrays.y);
    },
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
  for (const array of Object.values(arrays)) kernels.free(array);
  await session.release();
  const flop = 2 * batch * out * out * filters * channels * k * k;
  return { name: `${batch}×${channels}→${filters}, ${size} px, ${k}×${k}/${stride}`, flop, best };
}

function row(name, count, flop, [own, copied, peer]) {
  const cells = [own.toFixed(2), (flop / own / 1e6).toFixed(1), copied.toFixed(2), peer.toFixed(2)];
  console.log(
    `| ${[name, count, ...cells, (peer / own).toFixed(2), (peer / copied).toFixed(2)].join(' | ')} |`,
  );
}

const wanted = process.argv.slice(2).filter((name) => name in SHAPES);
console.log('| convolution | a pass | ms | GFLOP/s | with copies, ms | Conv, ms | ratio | with copies |');
console.log('|---|---|---|---|---|---|---|---|');
for (const net of wanted.length > 0 ? wanted : Object.keys(SHAPES)) {
  const sums = [0, 0, 0];
  let all = 0;
  for (const given of SHAPES[net]) {
    const { name, flop, best } = await measure(given);
    all += given[0] * flop;
    for (const [i, ms] of best.entries()) sums[i] += given[0] * ms;
    row(name, given[0], flop, best);
  }
  row(`**${net}**, all`, '', all, sums);
}
kernels.dispose();
