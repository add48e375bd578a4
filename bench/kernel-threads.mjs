// Times the wasm kernels on one thread and on several: `npm run build && node bench/kernel-threads.mjs [threads] [--json]`.
// Turn by turn in one process; medians. Once without a rest, and once with 3 ms between calls: threads that have slept wake on the
// processor of whoever wakes them, and may wait there until the system moves them.
import { createWasmKernels } from '../dist/kernels.js';

const threads = Number(process.argv[2]) || 2;
const RUNS = 21;
const lone = await createWasmKernels();
// Whatever it is worth.
const team = await createWasmKernels({ threads, sharedFrom: 1 });

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

const rest = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Milliseconds of a call with each, in turns. */
async function time(calls, pause) {
  const times = [[], []];
  for (let run = -2; run < RUNS; run++) {
    for (const [i, call] of calls.entries()) {
      const start = performance.now();
      call();
      if (run >= 0) times[i].push(performance.now() - start);
      if (pause > 0) await rest(pause);
    }
  }
  return times.map(median);
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
async function measure(kernel, shape, prepare) {
  const calls = [lone, team].map(prepare);
  results.push({ kernel, shape, without: await time(calls, 0), rested: await time(calls, 3) });
}

for (const [rows, queueSize] of [
  [256, 65536],
  [32, 65536],
  [32, 4096],
]) {
  const dim = 128;
  await measure('infonce', `N=${rows} C=${dim} K=${queueSize}`, (kernels) => {
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

const shape = '8 Mi';
const lists = (kernels, count) => Array.from({ length: count }, () => [array(kernels, 8 << 20, gauss)]);
const openGate = (kernels) => array(kernels, 1, () => 1);
await measure('sgd', shape, (kernels) => {
  const [parameters, gradients, buffers] = lists(kernels, 3);
  const rates = { learningRate: 1e-3, momentum: 0.9, weightDecay: 1e-4 };
  const args = { parameters, gradients, buffers, ...rates, gate: openGate(kernels) };
  return () => kernels.sgd(args);
});
await measure('accumulate', shape, (kernels) => {
  const [sums, xs] = lists(kernels, 2);
  return () => kernels.accumulate({ sums, xs });
});
await measure('ema', shape, (kernels) => {
  const [targets, sources] = lists(kernels, 2);
  return () => kernels.ema({ targets, sources, keep: 0.999, scale: 0.001 });
});
await measure('copy', shape, (kernels) => {
  const [targets, sources] = lists(kernels, 2);
  return () => kernels.copy({ targets, sources });
});
await measure('finite', shape, (kernels) => {
  const [arrays] = lists(kernels, 1);
  const gate = openGate(kernels);
  return () => kernels.finite({ gate, arrays });
});
lone.dispose();
team.dispose();

if (process.argv.includes('--json')) {
  console.log(JSON.stringify(results, null, 2));
} else {
  const columns = ['1 thread, ms', `${threads} threads, ms`, 'ratio'];
  const rested = columns.map((column) => `rested: ${column}`);
  console.log(`| kernel | shape | ${[...columns, ...rested].join(' | ')} |`);
  console.log('|---|---|---|---|---|---|---|---|');
  for (const { kernel, shape, without, rested } of results) {
    const cells = [without, rested].flatMap(([alone, together]) => {
      return [alone.toPrecision(3), together.toPrecision(3), (alone / together).toFixed(2)];
    });
    console.log(`| ${[kernel, shape, ...cells].join(' | ')} |`);
  }
}
