// What native code makes of a convolution in each form that we can write it in: weight gradients (autodiff/weight-gradient.ts)
// and the convolution itself, plain and on blocks of channels (autodiff/blocked.ts). The choices by shape in
// autodiff/lowering.ts and blocked.ts come from here. Best of nine runs on one thread, the forms of a shape in turn.
// npm run build && node bench/native-convolutions.mjs [r18w16|r18w64|r50]
import { build } from 'esbuild';

const root = new URL('..', import.meta.url);
const bundle = await build({
  stdin: {
    contents: `export { weightGradientAs } from './src/autodiff/weight-gradient.ts';
export { LOWERINGS } from './src/autodiff/lowering.ts';
export { withBlockedConvolutions } from './src/autodiff/blocked.ts';
export { prepareWeights } from './src/autodiff/prepare.ts';
export { channelBlock } from './src/encoder/channel-block.ts';
export { GraphBuilder } from './src/onnx/graph.ts';
export { encodeModel } from './src/onnx/model.ts';`,
    resolveDir: root.pathname,
    loader: 'ts',
  },
  bundle: true,
  format: 'esm',
  platform: 'node',
  write: false,
  external: ['onnxruntime-web/*', 'onnxruntime-node'],
  // What is bundled looks for packages from where it would lie.
  define: { 'import.meta.url': JSON.stringify(new URL('dist/index.js', root).href) },
  logLevel: 'error',
});
const source = Buffer.from(bundle.outputFiles[0].contents).toString('base64');
const lib = await import(`data:text/javascript;base64,${source}`);
const { createRequire } = await import('node:module');
const ort = createRequire(import.meta.url)('onnxruntime-node');

/** How often a step has it, images, channels, out channels, size, kernel, stride. */
const SHAPES = {
  r18w16: [
    [5, 32, 16, 16, 32, 3, 1],
    [1, 32, 16, 32, 32, 3, 2],
    [3, 32, 32, 32, 16, 3, 1],
    [1, 32, 32, 64, 16, 3, 2],
    [3, 32, 64, 64, 8, 3, 1],
    [1, 32, 64, 128, 8, 3, 2],
    [3, 32, 128, 128, 4, 3, 1],
    [1, 32, 3, 16, 32, 3, 1],
    [1, 32, 16, 32, 32, 1, 2],
  ],
  r18w64: [
    [4, 32, 64, 64, 32, 3, 1],
    [1, 32, 64, 128, 32, 3, 2],
    [3, 32, 128, 128, 16, 3, 1],
    [1, 32, 128, 256, 16, 3, 2],
    [3, 32, 256, 256, 8, 3, 1],
    [1, 32, 256, 512, 8, 3, 2],
    [3, 32, 512, 512, 4, 3, 1],
    [1, 32, 3, 64, 32, 3, 1],
    [1, 32, 64, 128, 32, 1, 2],
  ],
  r50: [
    [3, 8, 64, 64, 56, 3, 1],
    [1, 8, 128, 128, 56, 3, 2],
    [3, 8, 128, 128, 28, 3, 1],
    [5, 8, 256, 256, 14, 3, 1],
    [2, 8, 512, 512, 7, 3, 1],
    [1, 8, 3, 64, 224, 7, 2],
    [3, 8, 64, 256, 56, 1, 1],
    [2, 8, 256, 64, 56, 1, 1],
    [3, 8, 128, 512, 28, 1, 1],
    [3, 8, 512, 128, 28, 1, 1],
    [5, 8, 256, 1024, 14, 1, 1],
    [5, 8, 1024, 256, 14, 1, 1],
    [3, 8, 512, 2048, 7, 1, 1],
    [2, 8, 2048, 512, 7, 1, 1],
    [1, 8, 256, 512, 56, 1, 2],
  ],
};
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
