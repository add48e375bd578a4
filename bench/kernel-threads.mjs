// Times the wasm kernels on one thread and on several: `npm run build && node bench/kernel-threads.mjs [threads] [--json]`.
// Turn by turn in one process; medians, and how often several threads were faster.
import { createWasmKernels } from '../dist/index.js';

const threads = Number(process.argv[2]) || 2;
const RUNS = 21;
const lone = await createWasmKernels();
const team = await createWasmKernels({ threads });

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Milliseconds of a call with each, in turns. */
function time(prepare) {
  const calls = [lone, team].map(prepare);
  const times = [[], []];
  for (let run = -2; run < RUNS; run++) {
    for (const [i, call] of calls.entries()) {
      const start = performance.now();
      call();
      if (run >= 0) times[i].push(performance.now() - start);
    }
  }
  return times;
}

function array(kernels, length, value) {
  const one = kernels.allocate(length);
  kernels.write(one, new Float32Array(length).map(value));
  return one;
}

const gauss = () => Math.random() + Math.random() + Math.random() - 1.5;

function unitRows(kernels, rows, dim) {
  const one = array(kernels, rows * dim, gauss);
  const norm = kernels.allocate(rows);
  kernels.l2norm({ x: one, y: one, norm, rows, dim });
  return one;
}

const results = [];
function measure(kernel, shape, prepare) {
  const [alone, together] = time(prepare);
  const faster = alone.filter((value, i) => value > together[i]).length / RUNS;
  results.push({ kernel, shape, alone: median(alone), together: median(together), faster });
}

for (const [rows, queueSize] of [
  [256, 65536],
  [32, 65536],
  [32, 4096],
]) {
  const dim = 128;
  measure('infonce', `N=${rows} C=${dim} K=${queueSize}`, (kernels) => {
    const args = {
      query: unitRows(kernels, rows, dim),
      key: unitRows(kernels, rows, dim),
      queue: unitRows(kernels, queueSize, dim),
      ...{ rows, dim, queueSize, temperature: 0.2, gradientScale: 1 / rows },
      loss: kernels.allocate(rows),
      dQuery: kernels.allocate(rows * dim),
      rank: kernels.allocate(rows),
    };
    return () => kernels.infonce(args);
  });
}

// ResNet-18 of width 16 has 62 arrays of 700,000 elements in all, most in a few of them.
const NETWORK = [
  ...Array.from({ length: 3 }, () => 147456),
  ...[73728, 36864, 36864, 36864, 18432],
  ...Array.from({ length: 54 }, () => 512),
];
for (const [shape, lengths] of [
  ['8 Mi', [8 << 20]],
  ['2 Mi', [2 << 20]],
  ['700 k in 62 arrays', NETWORK],
]) {
  const lists = (kernels) => [0, 1, 2].map(() => lengths.map((length) => array(kernels, length, gauss)));
  measure('sgd', shape, (kernels) => {
    const [parameters, gradients, buffers] = lists(kernels);
    const gate = array(kernels, 1, () => 1);
    const args = {
      parameters,
      gradients,
      buffers,
      learningRate: 1e-3,
      momentum: 0.9,
      weightDecay: 1e-4,
      gate,
    };
    return () => kernels.sgd(args);
  });
  measure('accumulate', shape, (kernels) => {
    const [sums, xs] = lists(kernels);
    return () => kernels.accumulate({ sums, xs });
  });
  measure('ema', shape, (kernels) => {
    const [targets, sources] = lists(kernels);
    return () => kernels.ema({ targets, sources, keep: 0.999, scale: 0.001 });
  });
  measure('copy', shape, (kernels) => {
    const [targets, sources] = lists(kernels);
    return () => kernels.copy({ targets, sources });
  });
  measure('finite', shape, (kernels) => {
    const [arrays] = lists(kernels);
    const gate = array(kernels, 1, () => 1);
    return () => kernels.finite({ gate, arrays });
  });
}
lone.dispose();
team.dispose();

if (process.argv.includes('--json')) {
  console.log(JSON.stringify(results, null, 2));
} else {
  console.log(`| kernel | shape | 1 thread, ms | ${threads} threads, ms | ratio | faster |`);
  console.log('|---|---|---|---|---|---|');
  for (const { kernel, shape, alone, together, faster } of results) {
    const times = [alone, together].map((value) => value.toPrecision(3));
    const cells = [kernel, shape, ...times, (alone / together).toFixed(2), `${(100 * faster).toFixed(0)} %`];
    console.log(`| ${cells.join(' | ')} |`);
  }
}
