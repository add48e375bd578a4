// What onnxruntime-web's WebGPU provider makes of the graphs of a training step, in the forms that it offers: convolutions in NHWC (its
// own choice) or NCHW, and commands recorded once and replayed (graph capture). Of each: dispatches a run, the transposes among them that it
// puts in (of values before a node, of weights and sums within one), what a run costs the host, and whether the values are those of the plain form. Counts hold on any adapter, times on a GPU.
// npm run build && node bench/session-forms.mjs [--arch resnet18] [--width 8] [--image-size 32] [--images 4] [--groups 2] [--rounds 5]
import { parseArgs } from 'node:util';
import { requestDevice } from '../dist/index.js';
import { fromSources } from './from-sources.mjs';
import { operatorTimes, profiled } from './measure/ort-profile.mjs';
import { sessionsOfGpu } from './measure/sessions.mjs';
import { ort } from './onnxruntime-webgpu.mjs';

const { values: options } = parseArgs({
  options: {
    arch: { type: 'string', default: 'resnet18' },
    width: { type: 'string', default: '8' },
    'image-size': { type: 'string', default: '32' },
    images: { type: 'string', default: '4' },
    groups: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
  },
});
const [width, imageSize, groupSize, groupsAtOnce, rounds] = [
  ...[options.width, options['image-size'], options.images, options.groups, options.rounds],
].map(Number);
const lib = await fromSources({
  'encoder/make-plan.ts': ['makePlan'],
  'onnx/model.ts': ['decodeModel'],
  'onnx/resnet.ts': ['resnetSpec'],
});
const stem = imageSize <= 64 ? 'cifar' : 'imagenet';
const spec = lib.resnetSpec({ arch: options.arch, width, stem, dim: 128, mlp: true });
const place = { provider: 'webgpu', budget: 2 ** 50, most: 2 ** 50 };
const plan = lib.makePlan({ spec, imageSize, groupSize, groupsAtOnce }, place);
const graphs = [plan.forward, plan.trainingForward, ...plan.backward].filter(({ kind }) => kind === 'graph');

// Sessions are profiled, too: the profiler prints when it ends, and is wrapped before the module starts.
const profiler = profiled(ort);
const { device, name: adapter } = await requestDevice();
const FORMS = {
  'NHWC, its own choice': {},
  NCHW: { layout: 'NCHW' },
  'graph capture': { capture: true },
  'graph capture, outputs its own': { capture: true, own: true },
};

const { options: plain } = sessionsOfGpu(ort, { device });
const settings = ({ layout, capture }) => ({
  ...plain,
  ...(layout && {
    executionProviders: plain.executionProviders.map((p) => ({ ...p, preferredLayout: layout })),
  }),
  ...(capture && { enableGraphCapture: true }),
});

const lengthOf = (shape) => shape.reduce((product, size) => product * size, 1);

function buffer(length) {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  return device.createBuffer({ size: 16 * Math.ceil(length / 4), usage });
}

/** Values that differ from input to input, and positive, as some are variances. */
function fill(buffer, length, seed) {
  const values = Float32Array.from({ length }, (_, i) => 0.1 + ((i * 7919 + seed * 104729) % 1000) / 1000);
  device.queue.writeBuffer(buffer, 0, values);
}

const tensors = (described) =>
  Object.fromEntries(
    described.map(({ name, shape }) => {
      const gpuBuffer = buffer(lengthOf(shape));
      return [name, ort.Tensor.fromGpuBuffer(gpuBuffer, { dataType: 'float32', dims: shape })];
    }),
  );

async function read(tensor) {
  const { size } = tensor.gpuBuffer;
  const to = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(tensor.gpuBuffer, 0, to, 0, size);
  device.queue.submit([encoder.finish()]);
  await to.mapAsync(GPUMapMode.READ);
  const values = new Float32Array(to.getMappedRange().slice(0)).slice(0, lengthOf(tensor.dims));
  to.destroy();
  return values;
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** The largest difference, relative to the largest value. */
function apart(values, others) {
  let [most, scale] = [0, 0];
  for (const [i, value] of values.entries()) {
    if (Object.is(value, others[i])) continue;
    most = Math.max(most, Math.abs(value - others[i]));
    scale = Math.max(scale, Math.abs(others[i]));
  }
  return most === 0 ? 0 : most / scale;
}

/** Outputs of a graph for the inputs of some seed, in one form, and what a run costs the host. */
async function runForm(model, form) {
  const session = await ort.InferenceSession.create(model.bytes, settings(form));
  const feeds = tensors(session.inputMetadata);
  // Recorded commands write where they wrote when they were recorded.
  const outputs = tensors(session.outputMetadata);
  const results = [];
  const hostMs = [];
  try {
    for (let round = 0; round < rounds; round++) {
      // From the second round on commands are replayed; new inputs show whether they read what is there by then.
      const seed = Math.min(round, 1);
      for (const [at, { name, shape }] of session.inputMetadata.entries())
        fill(feeds[name].gpuBuffer, lengthOf(shape), seed * 31 + at);
      await device.queue.onSubmittedWorkDone();
      const began = performance.now();
      const given = await (form.own ? session.run(feeds) : session.run(feeds, outputs));
      hostMs.push(performance.now() - began);
      await device.queue.onSubmittedWorkDone();
      if (round < 2) {
        const values = [];
        for (const name of session.outputNames) values.push(await read(given[name]));
        results.push(values);
      }
    }
  } finally {
    await session.release();
    for (const tensor of [...Object.values(feeds), ...Object.values(outputs)]) tensor.gpuBuffer.destroy();
  }
  return { results, hostMs: median(hostMs.slice(1)) };
}

/** Dispatches of one run, by program. */
async function countDispatches(model, form) {
  const before = profiler.events.length;
  const session = await profiler.ort.InferenceSession.create(model.bytes, settings(form));
  const feeds = tensors(session.inputMetadata);
  for (const [at, { name, shape }] of session.inputMetadata.entries())
    fill(feeds[name].gpuBuffer, lengthOf(shape), at);
  const outputs = await session.run(feeds);
  await device.queue.onSubmittedWorkDone();
  for (const tensor of Object.values(outputs)) tensor.dispose();
  await session.release();
  for (const { gpuBuffer } of Object.values(feeds)) gpuBuffer.destroy();
  return operatorTimes(profiler.events.slice(before)).operators;
}

console.log(
  `${adapter}: ${options.arch} of width ${width} at ${imageSize} px, ${groupSize} images × ${groupsAtOnce} groups at once\n`,
);
console.log(
  '| graph | form | nodes given | dispatches | transposes | ms of the host | apart from the first |',
);
console.log('| --- | --- | --- | --- | --- | --- | --- |');
for (const { model } of graphs) {
  const nodes = lib.decodeModel(model.bytes).nodes.length;
  let first = null;
  for (const [title, form] of Object.entries(FORMS)) {
    const cells = await (async () => {
      try {
        const { results, hostMs } = await runForm(model, form);
        first ??= results;
        const difference = Math.max(
          ...results.flatMap((values, run) => values.map((value, i) => apart(value, first[run][i]))),
        );
        const programs = form.capture ? null : await countDispatches(model, form);
        const sum = (rows) => rows.reduce((total, { runs }) => total + runs, 0);
        return [
          programs ? sum(programs) : '–',
          programs ? sum(programs.filter(({ program }) => program === 'Transpose')) : '–',
          hostMs.toFixed(1),
          difference === 0 ? 'same bits' : difference.toExponential(1),
        ];
      } catch (error) {
        return [
          `refused: ${String(error?.message ?? error)
            .replaceAll(/\s+/g, ' ')
            .slice(0, 300)}`,
          '',
          '',
          '',
        ];
      }
    })();
    console.log(`| ${model.name} | ${title} | ${nodes} | ${cells.join(' | ')} |`);
  }
}
device.destroy();
