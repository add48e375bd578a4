// What native code makes of a convolution in each form that we can write it in: weight gradients (autodiff/weight-gradient.ts)
// and the convolution itself, plain and on blocks of channels (autodiff/blocked.ts). The choices by shape in
// autodiff/lowering.ts and blocked.ts come from here. Best of nine runs on one thread, the forms of a shape in turn.
// npm run build && node bench/native-convolutions.mjs [r18w16|r18w64|r50]
import { createRequire } from 'node:module';
import { fromSources } from './from-sources.mjs';
import { SHAPES } from './measure/resnet-convolutions.mjs';

const lib = await fromSources({
  'autodiff/weight-gradient.ts': ['weightGradientAs'],
  'autodiff/lowering.ts': ['LOWERINGS'],
  'autodiff/blocked.ts': ['withBlockedConvolutions'],
  'autodiff/prepare.ts': ['prepareWeights'],
  'encoder/channel-block.ts': ['channelBlock'],
  'onnx/graph.ts': ['GraphBuilder'],
  'onnx/model.ts': ['encodeModel'],
});
const ort = createRequire(import.meta.url)('onnxruntime-node');

const OPTIONS = {
  executionProviders: ['cpu'],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  logSeverityLevel: 3,
};
const block = await lib.channelBlock();

const noise = (shape) =>
  new ort.Tensor(
    'float32',
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => Math.random() - 0.5),
    shape,
  );

/** Sessions of one shape in turn; milliseconds of each, the best of nine. */
async function times(graphs, feeds) {
  const running = [];
  for (const [name, graph] of graphs) {
    const session = await ort.InferenceSession.create(lib.encodeModel(graph), OPTIONS);
    running.push({ name, session, best: Number.POSITIVE_INFINITY });
  }
  for (let round = 0; round < 9; round++) {
    for (const run of running) {
      const inputs = Object.fromEntries(run.session.inputNames.map((name) => [name, feeds[name]]));
      const start = performance.now();
      await run.session.run(inputs);
      run.best = Math.min(run.best, performance.now() - start);
    }
  }
  for (const { session } of running) await session.release();
  return running.map(({ name, best }) => [name, best]);
}

async function measure([count, batch, channels, outChannels, size, kernel, stride]) {
  const pad = kernel >> 1;
  const out = Math.floor((size + 2 * pad - kernel) / stride) + 1;
  const window = {
    ...{ kernel: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad] },
    ...{ dilations: [1, 1], ceil: false },
  };
  const convolution = { window, batch, x: [channels, size, size], outChannels, groups: 1 };
  const [x, w] = [
    [batch, channels, size, size],
    [outChannels, channels, kernel, kernel],
  ];
  const dy = [batch, outChannels, out, out];
  const gradients = ['pixels', 'images', 'taps'].map((form) => {
    const g = new lib.GraphBuilder(form);
    g.input('x', x);
    g.input('dy', dy);
    g.output(lib.weightGradientAs(form, g, 'dy', 'x', convolution), w);
    return [form, g.build()];
  });
  const g = new lib.GraphBuilder('convolution');
  g.input('x', x);
  g.input('w', w);
  const attributes = { kernel_shape: window.kernel, strides: window.strides, pads: window.pads };
  g.output(g.op('Conv', ['x', 'w'], attributes), dy);
  const plain = g.build();
  const feeds = { x: noise(x), dy: noise(dy), w: noise(w) };
  const forward = [['plain', plain]];
  const { prepare, rest } = lib.prepareWeights(lib.withBlockedConvolutions(plain, block), new Set(['w']));
  if (prepare) {
    const session = await ort.InferenceSession.create(lib.encodeModel(prepare), OPTIONS);
    Object.assign(feeds, await session.run({ w: feeds.w }));
    forward.push(['blocks', rest]);
  }
  const flops = 2 * batch * channels * outChannels * kernel ** 2 * out ** 2;
  const rate = ([name, ms]) => `${name} ${(flops / ms / 1e6).toFixed(0)}`;
  const chosen = lib.LOWERINGS.native.weightGradient(convolution);
  const [dw, y] = [await times(gradients, feeds), await times(forward, feeds)];
  const shape = `${count} × ${batch}×${channels}→${outChannels} @${size} ${kernel}×${kernel}/${stride}`;
  console.log(`| ${shape} | ${dw.map(rate).join(', ')} | ${chosen} | ${y.map(rate).join(', ')} |`);
}

console.log(`GFLOP/s on one thread; blocks of ${block} channels`);
console.log('| convolution | weight gradient | used | the convolution itself |');
console.log('| --- | --- | --- | --- |');
const wanted = process.argv[2];
for (const [network, shapes] of Object.entries(SHAPES)) {
  if (wanted !== undefined && wanted !== network) continue;
  for (const shape of shapes) await measure(shape);
}
