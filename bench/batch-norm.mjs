// BatchNorm of ResNets on wasm, forward and backward: all layers of a pass, each on arrays of its own, one thread; best and median of 15.
// npm run build && node bench/batch-norm.mjs [kernels.wasm …]: with more than one module, in turns.
import { readFileSync } from 'node:fs';

const files = process.argv.slice(2);
if (files.length === 0) files.push(new URL('../dist/kernels.wasm', import.meta.url).pathname);

/** How many layers, and their [N, C, H·W]. */
const NETS = {
  'ResNet-18, width 16, 32 images of 32 px': [
    [5, 32, 16, 1024],
    [6, 32, 32, 256],
    [5, 32, 64, 64],
    [5, 32, 128, 16],
  ],
  'ResNet-50, 8 images of 224 px': [
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
  'features, 256 × 2048': [[1, 256, 2048, 1]],
};

async function open(file) {
  const memory = new WebAssembly.Memory({ initial: 16, maximum: 65535, shared: true });
  const { instance } = await WebAssembly.instantiate(readFileSync(file), { env: { memory } });
  const wasm = instance.exports;
  const array = (length) => {
    const pointer = wasm.allocate(4 * length) >>> 0;
    if (pointer === 0) throw new Error(`no memory for ${length} float32`);
    return pointer;
  };
  const noise = (length) => {
    const pointer = array(length);
    const values = new Float32Array(memory.buffer, pointer, length);
    for (let i = 0; i < length; i++) values[i] = Math.random() - 0.3;
    return pointer;
  };
  const layersOf = (net) =>
    net.flatMap(([times, batch, channels, space]) =>
      Array.from({ length: times }, () => {
        const values = batch * channels * space;
        const [x, dy, y, dx] = [noise(values), noise(values), array(values), array(values)];
        const own = Array.from({ length: 7 }, () => noise(channels));
        return { x, dy, y, dx, own, batch, channels, space, values };
      }),
    );
  const free = (layers) => {
    for (const { x, dy, y, dx, own } of layers) for (const p of [x, dy, y, dx, ...own]) wasm.free(p);
  };
  const forward = (layers) => {
    for (const { x, y, own, batch, channels, space } of layers) {
      const [gamma, beta, mean, variance, residual] = own;
      const sizes = [batch, channels, space, channels];
      wasm.batchNorm(x, gamma, beta, y, mean, variance, residual, ...sizes, 1e-5, 0);
    }
  };
  const again = (layers) => {
    for (const { x, y, own, batch, channels, space } of layers) {
      const [gamma, beta, mean, variance, residual] = own;
      const sizes = [batch, channels, space, channels];
      wasm.batchNorm(x, gamma, beta, y, mean, variance, residual, ...sizes, 1e-5, 1);
    }
  };
  const backward = (layers) => {
    for (const { x, dy, dx, own, batch, channels, space } of layers) {
      const [gamma, , mean, variance, residual, dGamma, dBeta] = own;
      const sizes = [batch, channels, space, channels];
      wasm.batchNormBackward(dy, x, gamma, mean, variance, residual, dx, dGamma, dBeta, ...sizes, 1e-5);
    }
  };
  /** What is read, and what is written, whose lines are read first. */
  const passes = { forward: [forward, 12], again: [again, 12], backward: [backward, 16] };
  return { wasm, memory, array, layersOf, free, passes };
}

const modules = await Promise.all(files.map(open));
const milliseconds = (body) => {
  const start = performance.now();
  body();
  return performance.now() - start;
};

/** Bytes a millisecond that memory.copy moves, as kernels.mjs counts them: 32 MiB read, and as many read and written. */
function bandwidthOf({ wasm, memory, array }) {
  const length = 8 << 20;
  const [from, to, gate] = [array(length), array(length), array(1)];
  new Float32Array(memory.buffer, gate, 1)[0] = 1;
  const copy = () => wasm.enqueue(to, from, 0, length, length, 1, gate);
  copy();
  const best = Math.min(...Array.from({ length: 15 }, () => milliseconds(copy)));
  for (const pointer of [from, to, gate]) wasm.free(pointer);
  return (12 * length) / best;
}

const bandwidth = bandwidthOf(modules[0]);
console.log(`memory.copy: ${(bandwidth / 1e6).toFixed(1)} GB/s\n`);
console.log('| layers | pass | module | best ms | median ms | floor ms | of the floor |');
console.log('|---|---|---|---|---|---|---|');
for (const [name, net] of Object.entries(NETS)) {
  const sets = modules.map(({ layersOf }) => layersOf(net));
  const values = sets[0].reduce((sum, layer) => sum + layer.values, 0);
  for (const pass of ['forward', 'again', 'backward']) {
    const times = modules.map(() => []);
    for (let round = 0; round < 17; round++) {
      for (const [m, { passes }] of modules.entries()) {
        const taken = milliseconds(() => passes[pass][0](sets[m]));
        // The first two are for the compiler.
        if (round > 1) times[m].push(taken);
      }
    }
    for (const [m, list] of times.entries()) {
      list.sort((a, b) => a - b);
      const floor = (modules[m].passes[pass][1] * values) / bandwidth;
      const cells = [list[0], list[7], floor].map((ms) => ms.toFixed(2));
      console.log(
        `| ${[name, pass, m + 1, ...cells, `${((100 * floor) / list[0]).toFixed(0)} %`].join(' | ')} |`,
      );
    }
  }
  for (const [m, { free }] of modules.entries()) free(sets[m]);
}
