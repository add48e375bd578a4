/** enqueue.wgsl: the queue of keys. */
import type { KernelCases } from '../case.ts';
import { MANY, PERIOD, repeated, uniforms } from '../inputs.ts';
import { enqueued } from '../references/enqueue.ts';
import type { Trial } from '../trial.ts';
import { withEachNotFinite } from './not-finite.ts';

interface Shape {
  queueSize: number;
  rows: number;
  dim: number;
}

async function at(trial: Trial, { queueSize, rows, dim }: Shape, pointer: number, gate = 1): Promise<void> {
  const before = uniforms(queueSize * dim, trial.random);
  const keys = uniforms(rows * dim, trial.random);
  const queue = trial.put(before);
  trial.kernels.enqueue({
    queue,
    keys: trial.put(keys),
    pointer,
    queueSize,
    rows,
    dim,
    gate: trial.put([gate]),
  });
  const want = gate ? enqueued(before, keys, pointer, queueSize, dim) : before;
  trial.bits(`queue, pointer ${pointer}, gate ${gate}`, await trial.read(queue), want);
}

async function everywhere(trial: Trial, rows: number): Promise<void> {
  const shape = { queueSize: 7, rows, dim: 3 };
  for (let pointer = 0; pointer < shape.queueSize; pointer++) await at(trial, shape, pointer);
}

/** Denormals may be lost on the way, and nothing else. */
async function denormals(trial: Trial): Promise<void> {
  const keys = Float32Array.from({ length: 60 }, (_, i) => (i % 2 ? 1 : (i - 30) * 2 ** -149));
  const queue = trial.zeros(60);
  trial.kernels.enqueue({
    queue,
    keys: trial.put(keys),
    pointer: 5,
    queueSize: 20,
    rows: 20,
    dim: 3,
    gate: trial.put([1]),
  });
  const want = enqueued(new Float32Array(60), keys, 5, 20, 3);
  trial.close('queue', await trial.read(queue), want, trial.accuracy.exact ? 0 : trial.accuracy.smallest);
}

async function notFinite(trial: Trial): Promise<void> {
  const [before, keys] = [uniforms(60, trial.random), uniforms(12, trial.random)];
  await withEachNotFinite(trial, keys, 5, async (bad, name) => {
    const [queue, gate] = [trial.put(before), trial.put([1])];
    trial.kernels.finite({ gate, arrays: [bad] });
    trial.kernels.enqueue({ queue, keys: bad, pointer: 18, queueSize: 20, rows: 4, dim: 3, gate });
    trial.bits(`queue after ${name}`, await trial.read(queue), before);
  });
}

/** As many keys as the queue holds, and 1 beyond: all of it is written, from its second row on. */
async function many(trial: Trial): Promise<void> {
  const block = uniforms(PERIOD, trial.random);
  const queueSize = MANY / PERIOD;
  const queue = trial.zeros(MANY);
  const keys = trial.put(repeated(block, MANY));
  trial.kernels.enqueue({
    queue,
    keys,
    pointer: 1,
    queueSize,
    rows: queueSize,
    dim: PERIOD,
    gate: trial.put([1]),
  });
  trial.bits('queue', await trial.read(queue), block);
}

export const enqueue: KernelCases = [
  ...[0, 1, 3, 6, 7, 8, 14, 17, 30].map(
    (rows) => [`N = ${rows} into K = 7 at every offset`, (t: Trial) => everywhere(t, rows)] as const,
  ),
  ...[1, 4, 64, 127, 128, 129, 512].map(
    (dim) => [`C = ${dim}`, (t: Trial) => at(t, { queueSize: 50, rows: 33, dim }, 40)] as const,
  ),
  ...[255, 256, 257, 65_536].map(
    (queueSize) =>
      [`K = ${queueSize}`, (t: Trial) => at(t, { queueSize, rows: 257, dim: 2 }, queueSize - 9)] as const,
  ),
  ['a closed gate', (t) => at(t, { queueSize: 7, rows: 5, dim: 3 }, 4, 0)],
  ['denormals', denormals],
  ['not finite', notFinite],
  ['more than 65,535 workgroups', many, MANY],
];
