// Times our kernels on WebGPU and holds them against what arithmetic in registers and a copy of memory reach on the same GPU:
// npm run build && node bench/kernels-webgpu.mjs [--small] [--json]
// InfoNCE counts 4·N·C·K operations, the fewest there are: logits and gradient.
import { parseArgs } from 'node:util';
import { limitsOf, openGpu } from './webgpu-clock.mjs';

const { values: options } = parseArgs({
  options: { small: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
});
const { small } = options;
const gpu = await openGpu();
const { kernels, clock, noise } = gpu;
const limits = await limitsOf(gpu, small);

/** Rows of length 1, spread evenly. */
function unitRows(rows, dim) {
  const [x, norm, y] = [noise(rows * dim), kernels.allocate(rows), kernels.allocate(rows * dim)];
  kernels.l2norm({ x, y, norm, rows, dim });
  kernels.free(x);
  kernels.free(norm);
  return y;
}

const results = [];
/** @param amount {{ flop?: number, bytes?: number }} the fewest that it can do with */
async function measure(kernel, shape, { flop = 0, bytes = 0 }, arrays, body) {
  const { wallMs, gpuMs } = await clock.time(body);
  for (const array of arrays) kernels.free(array);
  const floorMs = Math.max(flop / limits.gflops, bytes / limits.gigabytes) / 1e6;
  const ms = gpuMs ?? wallMs;
  const rate = flop > 0 ? { gflops: flop / ms / 1e6 } : { gigabytes: bytes / ms / 1e6 };
  results.push({ kernel, shape, wallMs, gpuMs, floorMs, ofFloor: floorMs / ms, ...rate });
}

const INFONCE = small
  ? [[32, 16, 1024]]
  : [
      [256, 128, 65536],
      [32, 128, 65536],
      [32, 128, 4096],
    ];
for (const [rows, dim, queueSize] of INFONCE) {
  const [query, key, queue] = [unitRows(rows, dim), unitRows(rows, dim), unitRows(queueSize, dim)];
  const [loss, rank, dQuery] = [rows, rows, rows * dim].map((length) => kernels.allocate(length));
  const all = { query, key, queue, loss, rank, dQuery };
  const amount = { flop: 4 * rows * dim * queueSize, bytes: 4 * dim * queueSize };
  await measure('infonce', `N=${rows} C=${dim} K=${queueSize}`, amount, Object.values(all), () =>
    kernels.infonce({ ...all, rows, dim, queueSize, temperature: 0.2, gradientScale: 1 / rows }),
  );
}
for (const [rows, dim] of [small ? [64, 16] : [2048, 128]]) {
  const z = unitRows(rows, dim);
  const [loss, rank, dz] = [rows, rows, rows * dim].map((length) => kernels.allocate(length));
  const all = { z, loss, rank, dz };
  const amount = { flop: 6 * rows * rows * dim };
  await measure('ntxent', `2N=${rows} C=${dim}`, amount, Object.values(all), () =>
    kernels.ntxent({ ...all, rows, dim, temperature: 0.1, gradientScale: 1 / rows }),
  );
}
for (const [rows, bankRows, dim, k] of [small ? [16, 500, 16, 20] : [256, 50000, 128, 200]]) {
  const [queries, bank] = [unitRows(rows, dim), unitRows(bankRows, dim)];
  const amount = { flop: 2 * rows * bankRows * dim };
  await measure('topk', `Q=${rows} M=${bankRows} C=${dim} k=${k}`, amount, [queries, bank], () =>
    kernels.topk({ queries, bank, rows, bankRows, dim, k }),
  );
}
const length = small ? 2 ** 16 : 2 ** 24;
const shape = `${length / 2 ** 20} Mi`;
const [a, b, c] = [noise(length), noise(length), noise(length)];
const gate = kernels.allocate(1);
kernels.write(gate, Float32Array.of(1));
await measure('ema', shape, { bytes: 12 * length }, [], () =>
  kernels.ema({ targets: [a], sources: [b], keep: 0.999, scale: 0.001, gate }),
);
const sgd = { learningRate: 1e-3, momentum: 0.9, weightDecay: 1e-4, gate };
await measure('sgd', shape, { bytes: 20 * length }, [], () =>
  kernels.sgd({ parameters: [a], gradients: [b], buffers: [c], ...sgd }),
);
await measure('accumulate', shape, { bytes: 12 * length }, [], () =>
  kernels.accumulate({ sums: [a], xs: [b] }),
);
await measure('add', shape, { bytes: 12 * length }, [], () => kernels.add({ a, b, y: c }));
await measure('relu', shape, { bytes: 8 * length }, [], () => kernels.relu({ x: a, y: c }));
await measure('relu-backward', shape, { bytes: 12 * length }, [], () =>
  kernels.reluBackward({ dy: a, y: b, dx: c }),
);
await measure('finite', shape, { bytes: 4 * length }, [], () => kernels.finite({ arrays: [a], gate }));
gpu.close();

if (options.json) console.log(JSON.stringify({ adapter: gpu.adapter, limits, results }));
else {
  console.log(
    `${gpu.adapter.name}: ${limits.gflops.toFixed(1)} GFLOP/s, ${limits.gigabytes.toFixed(1)} GB/s\n`,
  );
  console.log('| kernel | shape | ms as called | ms of the GPU | floor ms | of the floor |');
  console.log('|---|---|---|---|---|---|');
  for (const { kernel, shape, wallMs, gpuMs, floorMs, ofFloor } of results) {
    const cells = [wallMs.toPrecision(3), gpuMs?.toPrecision(3) ?? '–', floorMs.toPrecision(3)];
    console.log(`| ${[kernel, shape, ...cells, `${(100 * ofFloor).toFixed(0)} %`].join(' | ')} |`);
  }
}
