// BatchNorm of ResNets on wasm: y with its statistics, y again from these, and the gradients; one thread, best of 25 for each shape, on
// arrays that stay in caches as far as they fit: npm run build && node bench/batch-norm.mjs [kernels.wasm]
// Floor: memory.copy on 32 MiB, counted as in kernels.mjs: what is read, and what is written, whose lines are read first.
import { readFileSync } from 'node:fs';

const [file = new URL('../dist/kernels.wasm', import.meta.url)] = process.argv.slice(2);

/** How many layers, and their N, C, H·W. */
const NETS = {
  'ResNet-18 w16, 32 px': [
    [5, 32, 16, 1024],
    [6, 32, 32, 256],
    [5, 32, 64, 64],
    [5, 32, 128, 16],
  ],
  'ResNet-50, 224 px': [
    [1, 8, 64, 12544],
    [6, 8, 64, 3136],
    [4, 8, 256, 3136],
    [1, 8, 128, 3136],
    [7, 8, 128, 784],
    [5, 8, 512, 784],
    [1, 8, 256, 784],
    [11, 8, 256, 196],
    [7, 8, 1024, 196],
    [1, 8, 512, 196],
    [5, 8, 512, 49],
    [4, 8, 2048, 49],
  ],
  features: [[1, 256, 2048, 1]],
};

const memory = new WebAssembly.Memory({ initial: 16, maximum: 65535, shared: true });
const { instance } = await WebAssembly.instantiate(readFileSync(file), { env: { memory } });
const wasm = instance.exports;

function array(length, value = () => 0) {
  const pointer = wasm.allocate(4 * length) >>> 0;
  if (pointer === 0) throw new Error(`no memory for ${length} float32`);
  const values = new Float32Array(memory.buffer, pointer, length);
  for (let i = 0; i < length; i++) values[i] = value();
  return pointer;
}

/** Milliseconds, the best of some runs. */
function best(body, runs = 25) {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < runs + 2; run++) {
    const start = performance.now();
    body();
    // The first two are for the compiler.
    if (run > 1) least = Math.min(least, performance.now() - start);
  }
  return least;
}

function measure([, batch, channels, space]) {
  const values = batch * channels * space;
  const noise = () => Math.random() - 0.3;
  const [x, dy, y, dx] = [array(values, noise), array(values, noise), array(values), array(values)];
  const own = Array.from({ length: 7 }, () => array(channels, Math.random));
  const [gamma, beta, mean, variance, residual, dGamma, dBeta] = own;
  const found = [mean, variance, residual];
  const sizes = [batch, channels, space, channels, 1e-5];
  const times = [
    best(() => wasm.batchNorm(x, gamma, beta, y, ...found, ...sizes, 0)),
    best(() => wasm.batchNorm(x, gamma, beta, y, ...found, ...sizes, 1)),
    best(() => wasm.batchNormBackward(dy, x, gamma, ...found, dx, dGamma, dBeta, ...sizes)),
  ];
  for (const pointer of [x, dy, y, dx, ...own]) wasm.free(pointer);
  return { values, times };
}

const length = 8 << 20;
const [from, to, gate] = [array(length), array(length), array(1, () => 1)];
const bandwidth = (12 * length) / best(() => wasm.enqueue(to, from, 0, length, length, 1, gate), 15);
for (const pointer of [from, to, gate]) wasm.free(pointer);
console.log(`memory.copy: ${(bandwidth / 1e6).toFixed(1)} GB/s\n`);
console.log('| layers | how many | forward, ms | floor | again, ms | backward, ms | floor |');
console.log('| --- | --- | --- | --- | --- | --- | --- |');

function row(name, count, [forward, again, backward], values) {
  const floors = [12, 16].map((bytes) => (bytes * values) / bandwidth);
  const cells = [forward, floors[0], again, backward, floors[1]].map((ms) => ms.toPrecision(3));
  console.log(`| ${[name, count, ...cells].join(' | ')} |`);
}

for (const [net, layers] of Object.entries(NETS)) {
  const sums = [0, 0, 0];
  let all = 0;
  for (const layer of layers) {
    const [count, batch, channels, space] = layer;
    const { values, times } = measure(layer);
    all += count * values;
    for (const [i, ms] of times.entries()) sums[i] += count * ms;
    row(`${batch}×${channels}×${space}`, count, times, values);
  }
  row(`**${net}**, all`, '', sums, all);
}
