/**
 * Our kernels, held against their floors (limits.mjs). InfoNCE counts 4·N·C·K operations, the fewest there are: logits and gradient;
 * NT-Xent 6·(2N)²·C.
 */
import { floorOf } from './limits.mjs';

export const SHAPES = {
  infonce: [
    [256, 128, 65536],
    [32, 128, 65536],
    [32, 128, 4096],
  ],
  ntxent: [[2048, 128]],
  topk: [[256, 50000, 128, 200]],
  elements: [2 ** 24],
};
/** For a software adapter. */
export const SMALL_SHAPES = {
  infonce: [[32, 16, 1024]],
  ntxent: [[64, 16]],
  topk: [[16, 500, 16, 20]],
  elements: [2 ** 16],
};

export const noiseOf = (length) => Float32Array.from({ length }, () => Math.random() - 0.5);

/** A fresh array of the kernels that holds noise. */
export function noise(kernels, length) {
  const array = kernels.allocate(length);
  kernels.write(array, noiseOf(length));
  return array;
}

/** Rows of length 1, spread evenly. */
function unitRows(kernels, rows, dim) {
  const [x, norm, y] = [noise(kernels, rows * dim), kernels.allocate(rows), kernels.allocate(rows * dim)];
  kernels.l2norm({ x, y, norm, rows, dim });
  kernels.free(x);
  kernels.free(norm);
  return y;
}

/** @param context {{ kernels, clock, limits }} */
async function measured({ kernels, clock, limits }, kernel, shape, amount, arrays, body) {
  const { flop = 0, bytes = 0 } = amount;
  const { wallMs, gpuMs } = await clock.time(body);
  for (const array of arrays) kernels.free(array);
  const floorMs = floorOf(limits, amount);
  const ms = gpuMs ?? wallMs;
  const rate = flop > 0 ? { gflops: flop / ms / 1e6 } : { gigabytes: bytes / ms / 1e6 };
  return { kernel, shape, wallMs, gpuMs, floorMs, ofFloor: floorMs / ms, ...rate };
}

export function measureInfoNce(context, [rows, dim, queueSize]) {
  const { kernels } = context;
  const [query, key, queue] = [rows, rows, queueSize].map((count) => unitRows(kernels, count, dim));
  const [loss, rank, dQuery] = [rows, rows, rows * dim].map((length) => kernels.allocate(length));
  const all = { query, key, queue, loss, rank, dQuery };
  const amount = { flop: 4 * rows * dim * queueSize, bytes: 4 * dim * queueSize };
  const shape = `N=${rows} C=${dim} K=${queueSize}`;
  return measured(context, 'infonce', shape, amount, Object.values(all), () =>
    kernels.infonce({ ...all, rows, dim, queueSize, temperature: 0.2, gradientScale: 1 / rows }),
  );
}

function measureNtXent(context, [rows, dim]) {
  const { kernels } = context;
  const z = unitRows(kernels, rows, dim);
  const [loss, rank, dz] = [rows, rows, rows * dim].map((length) => kernels.allocate(length));
  const all = { z, loss, rank, dz };
  const amount = { flop: 6 * rows * rows * dim };
  return measured(context, 'ntxent', `2N=${rows} C=${dim}`, amount, Object.values(all), () =>
    kernels.ntxent({ ...all, rows, dim, temperature: 0.1, gradientScale: 1 / rows }),
  );
}

function measureTopK(context, [rows, bankRows, dim, k]) {
  const { kernels } = context;
  const [queries, bank] = [rows, bankRows].map((count) => unitRows(kernels, count, dim));
  const amount = { flop: 2 * rows * bankRows * dim };
  const shape = `Q=${rows} M=${bankRows} C=${dim} k=${k}`;
  return measured(context, 'topk', shape, amount, [queries, bank], () =>
    kernels.topk({ queries, bank, rows, bankRows, dim, k }),
  );
}

/** What updates weights: a few operations a value, bound by memory. */
async function measureElementwise(context, length) {
  const { kernels } = context;
  const shape = `${length / 2 ** 20} Mi`;
  const [a, b, c] = [1, 2, 3].map(() => noise(kernels, length));
  const gate = kernels.allocate(1);
  kernels.write(gate, Float32Array.of(1));
  const sgd = { learningRate: 1e-3, momentum: 0.9, weightDecay: 1e-4, gate };
  const calls = [
    ['ema', 12, () => kernels.ema({ targets: [a], sources: [b], keep: 0.999, scale: 0.001, gate })],
    ['sgd', 20, () => kernels.sgd({ parameters: [a], gradients: [b], buffers: [c], ...sgd })],
    ['accumulate', 12, () => kernels.accumulate({ sums: [a], xs: [b] })],
    ['add', 12, () => kernels.add({ a, b, y: c })],
    ['relu', 8, () => kernels.relu({ x: a, y: c })],
    ['relu-backward', 12, () => kernels.reluBackward({ dy: a, y: b, dx: c })],
    ['finite', 4, () => kernels.finite({ arrays: [a], gate })],
  ];
  const results = [];
  for (const [kernel, bytes, body] of calls)
    results.push(await measured(context, kernel, shape, { bytes: bytes * length }, [], body));
  for (const array of [a, b, c, gate]) kernels.free(array);
  return results;
}

/** All of them, one after the other. */
export async function measureKernels(context, shapes) {
  const results = [];
  for (const shape of shapes.infonce) results.push(await measureInfoNce(context, shape));
  for (const shape of shapes.ntxent) results.push(await measureNtXent(context, shape));
  for (const shape of shapes.topk) results.push(await measureTopK(context, shape));
  for (const length of shapes.elements) results.push(...(await measureElementwise(context, length)));
  return results;
}
