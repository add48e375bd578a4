// Times the wasm kernels: `npm run build && node bench/kernels.mjs [--json]`. One thread (kernel-threads.mjs: several);
// medians, and the best run for machines that others use too.
//
// Floors. Arithmetic: what a loop of independent 128-bit multiplications and additions in registers reaches here
// (`peak`: 56 flop a round). Memory: what memory.copy reaches on 32 MiB, counting three transfers: reading, and reading
// and writing the lines of the target, as the kernels that update in place do.
import { readFileSync } from 'node:fs';

const memory = new WebAssembly.Memory({ initial: 16, maximum: 65535, shared: true });
const bytes = readFileSync(new URL('../dist/kernels.wasm', import.meta.url));
const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
const wasm = instance.exports;

const array = (length) => {
  const pointer = wasm.allocate(4 * length) >>> 0;
  if (pointer === 0) throw new Error(`no memory for ${length} float32`);
  return pointer;
};
const view = (pointer, length) => new Float32Array(memory.buffer, pointer, length);

/** Unit rows, spread evenly; `spread` 0 makes them all the same (a collapsed encoder). */
function unitRows(rows, dim, spread = 1) {
  const pointer = array(rows * dim);
  const values = view(pointer, rows * dim);
  for (let r = 0; r < rows; r++) {
    const row = values.subarray(r * dim, (r + 1) * dim);
    for (let c = 0; c < dim; c++)
      row[c] = spread * (Math.random() + Math.random() + Math.random() - 1.5) + (1 - spread) * (c % 3);
    const norm = Math.hypot(...row);
    for (let c = 0; c < dim; c++) row[c] /= norm;
  }
  return pointer;
}

/** Median and best of some runs, in seconds. */
function time(body, runs = 9) {
  body();
  body();
  const times = Array.from({ length: runs }, () => {
    const start = performance.now();
    body();
    return (performance.now() - start) / 1000;
  }).sort((a, b) => a - b);
  return { median: times[runs >> 1], best: times[0] };
}

const gate = array(1);
view(gate, 1)[0] = 1;

wasm.peak(3e7, 1);
const peak = (56 * 1e7) / time(() => wasm.peak(1e7, 1), 25).best / 1e9;
const from = array(8 << 20);
const to = array(8 << 20);
view(from, 8 << 20).fill(1);
const copy = time(() => wasm.enqueue(to, from, 0, 8 << 20, 8 << 20, 1, gate), 15);
const bandwidth = (3 * 4 * (8 << 20)) / copy.best / 1e9;

const results = [];
const arithmetic = (kernel, shape, flop, body) => measure(kernel, shape, flop, body, 'GFLOP/s', peak);
const traffic = (kernel, shape, moved, body) => measure(kernel, shape, moved, body, 'GB/s', bandwidth);
function measure(kernel, shape, amount, body, unit, floor) {
  const { median, best } = time(body);
  results.push({
    kernel,
    shape,
    medianMs: 1000 * median,
    bestMs: 1000 * best,
    rate: amount / median / 1e9,
    unit,
    floor,
  });
}

for (const [n, c, k, spread] of [
  [256, 128, 65536, 1],
  [32, 128, 65536, 1],
  [64, 128, 4096, 1],
  [32, 128, 4096, 1],
  [30, 100, 4096, 1],
  [64, 128, 4096, 0],
]) {
  const [query, key, queue] = [unitRows(n, c, spread), unitRows(n, c, spread), unitRows(k, c, spread)];
  const [loss, gradient, rank] = [array(n), array(n * c), array(n)];
  const scratch = array(wasm.infonceScratch(n, c) / 4);
  const shape = `N=${n} C=${c} K=${k}${spread ? '' : ', all rows equal'}`;
  arithmetic('infonce', shape, 4 * n * c * k, () =>
    wasm.infonce(query, key, queue, n, c, k, 0.2, 1 / n, loss, gradient, rank, scratch),
  );
  for (const pointer of [query, key, queue, loss, gradient, rank, scratch]) wasm.free(pointer);
}
for (const [rows, c, spread] of [
  [512, 128, 1],
  [2048, 128, 1],
  [8192, 128, 1],
  [2048, 128, 0],
]) {
  const z = unitRows(rows, c, spread);
  const [loss, rank, lse, miss, gradient] = [
    ...Array.from({ length: 4 }, () => array(rows)),
    array(rows * c),
  ];
  const scratch = array(wasm.ntxentScratch(rows, c) / 4);
  const shape = `2N=${rows} C=${c}${spread ? '' : ', all rows equal'}`;
  arithmetic('ntxent', shape, 6 * rows * rows * c, () => {
    wasm.ntxentSums(z, rows, c, 0, rows, 0.1, loss, rank, lse, miss, scratch);
    wasm.ntxentGradient(z, rows, c, 0, rows, 0.1, 1 / rows, lse, miss, gradient, scratch);
  });
  for (const pointer of [z, loss, rank, lse, miss, gradient, scratch]) wasm.free(pointer);
}
for (const [q, m, c, k] of [
  [256, 50000, 128, 200],
  [256, 5000, 512, 200],
]) {
  const [queries, bank] = [unitRows(q, c), unitRows(m, c)];
  const [indices, similarities] = [array(q * k), array(q * k)];
  arithmetic('topk', `Q=${q} M=${m} C=${c} k=${k}`, 2 * q * m * c, () =>
    wasm.topk(queries, bank, q, m, c, k, indices, similarities),
  );
  for (const pointer of [queries, bank, indices, similarities]) wasm.free(pointer);
}

const n = 8 << 20;
const [a, b, d] = [array(n), array(n), array(n)];
traffic('ema', '8 Mi', 12 * n, () => wasm.ema(a, b, n, 0.999, 0.001, gate));
traffic('sgd', '8 Mi', 20 * n, () => wasm.sgd(a, b, d, n, 0.03, 0.9, 1e-4, gate));
traffic('accumulate', '8 Mi', 12 * n, () => wasm.accumulate(a, b, n));
traffic('add', '8 Mi, in place', 12 * n, () => wasm.add(a, b, a, n));
traffic('relu', '8 Mi, in place', 8 * n, () => wasm.relu(a, a, n));
traffic('relu-backward', '8 Mi, in place', 12 * n, () => wasm.reluBackward(a, b, a, n));
// Into another array, the lines of the target are read too.
traffic('add', '8 Mi', 16 * n, () => wasm.add(a, b, d, n));
traffic('relu', '8 Mi', 12 * n, () => wasm.relu(a, d, n));
traffic('relu-backward', '8 Mi', 16 * n, () => wasm.reluBackward(a, b, d, n));
traffic('finite', '8 Mi', 4 * n, () => wasm.finite(a, n));
traffic('enqueue', 'N=256 C=128 K=65536', 8 * 256 * 128, () =>
  wasm.enqueue(a, b, 65500, 65536, 256, 128, gate),
);
for (const [rows, classes] of [
  [256, 10],
  [256, 1000],
]) {
  // Labels are u32: those of zeros.
  const [logits, labels, dLogits] = [unitRows(rows, classes), array(rows), array(rows * classes)];
  traffic('cross-entropy', `N=${rows}, ${classes} classes`, 8 * rows * classes, () =>
    wasm.crossEntropy(logits, labels, rows, classes, 1 / rows, from, to, dLogits),
  );
}
traffic('l2norm', 'N=256 C=128', 8 * 256 * 128, () => wasm.l2norm(b, d, a, 256, 128));
traffic('l2norm-backward', 'N=256 C=128', 12 * 256 * 128, () => wasm.l2normBackward(b, a, d, to, 256, 128));
traffic('summary', 'N=256 C=128', 8 * 256 * 128, () => wasm.summary(a, b, d, gate, 256, 128, from));

if (process.argv.includes('--json')) {
  console.log(JSON.stringify(results, null, 2));
} else {
  console.log(`floors: ${peak.toFixed(1)} GFLOP/s, ${bandwidth.toFixed(1)} GB/s\n`);
  console.log(
    '| kernel | shape | median ms | best ms | rate of the median | of the floor | best, of the floor |',
  );
  console.log('|---|---|---|---|---|---|---|');
  for (const { kernel, shape, medianMs, bestMs, rate, unit, floor } of results) {
    const share = (100 * rate) / floor;
    const cells = [
      kernel,
      shape,
      medianMs.toPrecision(3),
      bestMs.toPrecision(3),
      `${rate.toFixed(1)} ${unit}`,
    ];
    console.log(
      `| ${cells.join(' | ')} | ${share.toFixed(0)} % | ${((share * medianMs) / bestMs).toFixed(0)} % |`,
    );
  }
}
