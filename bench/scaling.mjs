// How the training step on wasm scales: `npm run build && node bench/scaling.mjs [rounds] [--json]`.
//
// 1. The whole step (`moco-web bench`: ResNet-18 width 16, 32 px, batch 64 in 8 groups) with 1, 2 and 4 encoder workers.
// 2. Query forward and backward of one group of 8 alone: one session of one thread, two such sessions side by side, one
//    session of two threads (onnxruntime-web's Node build, which the package itself does not use), and how fast a core
//    copies memory alone and beside another.
//
// Each round runs all configurations, one after the other, so that other work on the machine meets all alike: ratios are
// those of one round, and what is printed is their median, with the least and the most.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const [WIDTH, SIZE, BATCH, GROUPS, DIM] = [16, 32, 64, 8, 128];
const GROUP = BATCH / GROUPS;
const WORKERS = [1, 2, 4];
const STEPS = 3;
/** Groups that each session of the second part takes in a round. */
const REPEAT = 8;
const COPIED = 32 * 2 ** 20;

if (isMainThread) await main();
else await work(workerData);

async function main() {
  const rounds = Number(process.argv.find((argument) => /^\d+$/.test(argument)) ?? 5);
  const graphs = await trainingGraphs();
  const figures = {};
  const note = (name, value) => {
    figures[name] ??= [];
    figures[name].push(value);
  };
  const ones = await Promise.all([start(graphs, 1), start(graphs, 1)]);
  const two = await start(graphs, 2);
  let sameBits = true;
  for (let round = 0; round < rounds; round++) {
    for (const workers of WORKERS) note(`step, ${workers} workers`, wholeStep(workers));
    const alone = await ones[0].call('train');
    note('group, one session of one thread', (REPEAT * GROUP) / alone.seconds);
    note('group, two sessions of one thread', await together(ones, 'train', 2 * REPEAT * GROUP));
    const threaded = await two.call('train');
    note('group, one session of two threads', (REPEAT * GROUP) / threaded.seconds);
    sameBits &&= threaded.digest === alone.digest;
    note('copy, one core (GB/s)', (2 * REPEAT * COPIED) / 1e9 / (await ones[0].call('copy')).seconds);
    note('copy, two cores (GB/s)', await together(ones, 'copy', (4 * REPEAT * COPIED) / 1e9));
    console.error(`round ${round + 1} of ${rounds}; load average ${loadavg()[0].toFixed(1)}`);
  }
  for (const worker of [...ones, two]) await worker.end();
  report(figures, sameBits);
}

/** Images a second of the whole step, augmentation left out. */
function wholeStep(workers) {
  const shape = ['--arch', 'resnet18', '--width', WIDTH, '--image-size', SIZE, '--dim', DIM];
  const batch = ['--batch-size', BATCH, '--groups', GROUPS, '--queue', 4096, '--workers', workers];
  const command = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
  const args = [command, 'bench', '--backend', 'wasm', ...shape, ...batch, '--repeat', STEPS, '--json'];
  return JSON.parse(execFileSync(process.execPath, args.map(String), { encoding: 'utf8' })).imagesPerSecond;
}

/** Amount a second of two workers that begin at one time, until the slower of them is done. */
async function together(workers, task, amount) {
  const begun = performance.now();
  await Promise.all(workers.map((worker) => worker.call(task)));
  return (1000 * amount) / (performance.now() - begun);
}

function report(figures, sameBits) {
  const pairs = [
    ['step, 2 workers', 'step, 1 workers'],
    ['step, 4 workers', 'step, 1 workers'],
    ['group, two sessions of one thread', 'group, one session of one thread'],
    ['group, one session of two threads', 'group, one session of one thread'],
    ['copy, two cores (GB/s)', 'copy, one core (GB/s)'],
  ];
  const summary = (values) => ({
    median: median(values),
    least: Math.min(...values),
    most: Math.max(...values),
  });
  const rates = Object.fromEntries(Object.entries(figures).map(([name, values]) => [name, summary(values)]));
  const ratios = Object.fromEntries(
    pairs.map(([name, base]) => [
      `${name} / ${base}`,
      summary(figures[name].map((x, i) => x / figures[base][i])),
    ]),
  );
  if (process.argv.includes('--json')) {
    console.log(
      JSON.stringify({ cores: cpus().length, cpu: cpus()[0]?.model, figures, rates, ratios, sameBits }),
    );
    return;
  }
  console.log(
    `${cpus().length} cores, ${cpus()[0]?.model}, Node ${process.version}; images/s, median (least–most)`,
  );
  for (const [name, { median, least, most }] of Object.entries({ ...rates, ...ratios })) {
    console.log(
      `${name.padEnd(72)} ${median.toFixed(2).padStart(7)} (${least.toFixed(2)}–${most.toFixed(2)})`,
    );
  }
  console.log(`gradients of two threads are those of one, to the last bit: ${sameBits ? 'yes' : 'no'}`);
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

/** The graphs of one group as the package trains it, as bytes. */
async function trainingGraphs() {
  const { build } = await import('esbuild');
  const bundle = await build({
    stdin: {
      contents: `export { buildNetwork } from './src/onnx/network.ts';
export { trainingGraphs } from './src/autodiff/training-graphs.ts';
export { encodeModel } from './src/onnx/model.ts';
export { resnetSpec } from './src/onnx/resnet.ts';`,
      resolveDir: fileURLToPath(new URL('..', import.meta.url)),
      loader: 'ts',
    },
    bundle: true,
    format: 'esm',
    write: false,
  });
  const source = Buffer.from(bundle.outputFiles[0].contents).toString('base64');
  const library = await import(`data:text/javascript;base64,${source}`);
  const spec = library.resnetSpec({ arch: 'resnet18', width: WIDTH, dim: DIM, mlp: true, stem: 'cifar' });
  const { graph, parameters } = library.buildNetwork(spec, GROUP, SIZE);
  const names = parameters.map(({ name }) => name);
  const made = library.trainingGraphs({ graph, parameters: names, provider: 'wasm', level: 'least' });
  const described = (one) => ({ bytes: library.encodeModel(one), inputs: one.inputs });
  const [part] = made.backward;
  return { forward: described(made.forward), backward: described(part.graph), gradient: part.outputGradient };
}

/** A thread with an onnxruntime of so many threads, and memory to copy. */
async function start(graphs, threads) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { graphs, threads } });
  // Rejects on 'error' too, and takes both listeners away again.
  const next = async () => (await once(worker, 'message'))[0];
  await next();
  return {
    async call(task) {
      const answer = next();
      worker.postMessage(task);
      return answer;
    },
    end: () => worker.terminate(),
  };
}

async function work({ graphs, threads }) {
  const ort = await import('onnxruntime-web');
  const { createHash } = await import('node:crypto');
  ort.env.wasm.numThreads = threads;
  const forward = await ort.InferenceSession.create(graphs.forward.bytes);
  const backward = await ort.InferenceSession.create(graphs.backward.bytes);
  // Weights of about the right size, the same in every thread; a linear congruential generator is good enough for them.
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  const values = {};
  for (const { name, shape } of [...graphs.forward.inputs, { name: graphs.gradient, shape: [GROUP, DIM] }]) {
    const sizes = shape.map(Number);
    const length = sizes.reduce((product, size) => product * size, 1);
    const scale = name === 'image' ? 1 : 1 / Math.sqrt(Math.max(1, length / sizes[0]));
    const data = Float32Array.from({ length }, () => scale * random());
    values[name] = new ort.Tensor('float32', data, sizes);
  }
  const pick = (inputs, from) => Object.fromEntries(inputs.map(({ name }) => [name, from[name]]));
  const [source, target] = [new Uint8Array(COPIED).fill(1), new Uint8Array(COPIED)];
  const tasks = {
    async train() {
      let gradients = {};
      for (let i = 0; i < REPEAT; i++) {
        const saved = await forward.run(pick(graphs.forward.inputs, values));
        gradients = await backward.run(pick(graphs.backward.inputs, { ...values, ...saved }));
      }
      const hash = createHash('sha256');
      for (const name of backward.outputNames) hash.update(gradients[name].data);
      return hash.digest('hex');
    },
    async copy() {
      for (let i = 0; i < REPEAT; i++) target.set(source);
      return '';
    },
  };
  for (const task of Object.values(tasks)) await task();
  parentPort.on('message', async (task) => {
    const begun = performance.now();
    const digest = await tasks[task]();
    parentPort.postMessage({ seconds: (performance.now() - begun) / 1000, digest });
  });
  parentPort.postMessage('ready');
}
