import type { NamedTensor } from '../formats/safetensors.ts';
import type { DeviceArray } from '../kernels/device-array.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { CaseFamily, GoldenCase, GoldenContext } from './case.ts';
import {
  float32,
  floatInput,
  int64,
  namesAfter,
  numberListParam,
  numberParam,
  wholeInput,
} from './tensors.ts';

/** The golden cases of the method's kernels: infonce_*, ntxent_*, queue_*, ema. */
export const kernelFamily: CaseFamily = {
  runners: {
    infonce: withArrays(infonce),
    ntxent: withArrays(ntxent),
    queue: withArrays(queue),
    ema: withArrays(ema),
  },
};

export type Outputs = Map<string, NamedTensor>;

/** Device arrays that are freed together when a case is done. */
export class Arrays {
  readonly kernels: Kernels;
  readonly #taken: DeviceArray[] = [];
  constructor(kernels: Kernels) {
    this.kernels = kernels;
  }
  take(length: number): DeviceArray {
    const array = this.kernels.allocate(length);
    this.#taken.push(array);
    return array;
  }
  from(values: Float32Array): DeviceArray {
    const array = this.take(values.length);
    this.kernels.write(array, values);
    return array;
  }
  free(): void {
    for (const array of this.#taken) this.kernels.free(array);
  }
}

export function withArrays(run: (goldenCase: GoldenCase, arrays: Arrays) => Promise<Outputs>) {
  return async (goldenCase: GoldenCase, context: GoldenContext): Promise<Outputs> => {
    const arrays = new Arrays(context.kernels);
    try {
      return await run(goldenCase, arrays);
    } finally {
      arrays.free();
    }
  };
}

async function infonce(goldenCase: GoldenCase, arrays: Arrays): Promise<Outputs> {
  const { kernels } = arrays;
  const q = floatInput(goldenCase, 'q');
  const bank = floatInput(goldenCase, 'queue');
  const [rows = 0, dim = 0] = q.shape;
  const queueSize = bank.shape[0] ?? 0;
  const raw = arrays.from(q.data);
  const query = arrays.take(rows * dim);
  const norm = arrays.take(rows);
  const key = arrays.from(floatInput(goldenCase, 'k').data);
  const negatives = arrays.from(bank.data);
  const loss = arrays.take(rows);
  const dQuery = arrays.take(rows * dim);
  const rank = arrays.take(rows);
  kernels.l2norm({ x: raw, y: query, norm, rows, dim });
  const outputs: Outputs = new Map([['q_norm', float32([rows, dim], await kernels.read(query))]]);
  for (const [i, temperature] of numberListParam(goldenCase, 'T').entries()) {
    kernels.infonce({
      query,
      key,
      queue: negatives,
      rows,
      dim,
      queueSize,
      temperature,
      gradientScale: 1 / rows,
      loss,
      dQuery,
      rank,
    });
    // dq is asked for with respect to q before its normalization.
    kernels.l2normBackward({ y: query, norm, dy: dQuery, dx: dQuery, rows, dim });
    const losses = await kernels.read(loss);
    outputs.set(`t${i}.loss_per_sample`, float32([rows], losses));
    outputs.set(`t${i}.loss_mean`, float32([1], [losses.reduce((sum, x) => sum + x, 0) / rows]));
    outputs.set(`t${i}.dq`, float32([rows, dim], await kernels.read(dQuery)));
  }
  const ranks = await kernels.read(rank);
  outputs.set('rank', int64([rows], ranks));
  for (const top of [1, 5]) {
    outputs.set(`acc${top}`, float32([1], [(100 * ranks.filter((r) => r < top).length) / rows]));
  }
  return outputs;
}

async function ntxent(goldenCase: GoldenCase, arrays: Arrays): Promise<Outputs> {
  const { kernels } = arrays;
  const views = [floatInput(goldenCase, 'z1'), floatInput(goldenCase, 'z2')];
  const [pairs = 0, dim = 0] = views[0]!.shape;
  const rows = 2 * pairs;
  const z = arrays.take(rows * dim);
  for (const [i, { data }] of views.entries()) kernels.write(z, data, i * pairs * dim);
  const [norm, loss, rank] = [arrays.take(rows), arrays.take(rows), arrays.take(rows)];
  const dz = arrays.take(rows * dim);
  kernels.l2norm({ x: z, y: z, norm, rows, dim });
  const outputs: Outputs = new Map();
  for (const [i, temperature] of numberListParam(goldenCase, 'T').entries()) {
    kernels.ntxent({ z, rows, dim, temperature, gradientScale: 1 / rows, loss, rank, dz });
    // The gradients are asked for with respect to the views before their normalization.
    kernels.l2normBackward({ y: z, norm, dy: dz, dx: dz, rows, dim });
    const losses = await kernels.read(loss);
    outputs.set(`t${i}.loss_per_sample`, float32([rows], losses));
    outputs.set(`t${i}.loss_mean`, float32([1], [losses.reduce((sum, x) => sum + x, 0) / rows]));
    const gradients = await kernels.read(dz);
    outputs.set(`t${i}.dz1`, float32([pairs, dim], gradients.subarray(0, pairs * dim)));
    outputs.set(`t${i}.dz2`, float32([pairs, dim], gradients.subarray(pairs * dim)));
  }
  outputs.set('rank', int64([rows], await kernels.read(rank)));
  return outputs;
}

async function queue(goldenCase: GoldenCase, arrays: Arrays): Promise<Outputs> {
  const { kernels } = arrays;
  const start = floatInput(goldenCase, 'queue.0');
  const [queueSize = 0, dim = 0] = start.shape;
  const state = arrays.from(start.data);
  const gate = arrays.from(Float32Array.of(1));
  let pointer = wholeInput(goldenCase, 'ptr.0')[0] ?? 0;
  const outputs: Outputs = new Map();
  for (let step = 1; step <= numberParam(goldenCase, 'steps'); step++) {
    const keys = floatInput(goldenCase, `keys.${step}`);
    const rows = keys.shape[0] ?? 0;
    kernels.enqueue({ queue: state, keys: arrays.from(keys.data), pointer, queueSize, rows, dim, gate });
    const written = Array.from({ length: rows }, (_, i) => (pointer + i) % queueSize);
    pointer = (pointer + rows) % queueSize;
    outputs.set(`queue.${step}`, float32(start.shape, await kernels.read(state)));
    outputs.set(`ptr.${step}`, int64([1], [pointer]));
    outputs.set(`rows.${step}`, int64([rows], written));
  }
  return outputs;
}

async function ema(goldenCase: GoldenCase, arrays: Arrays): Promise<Outputs> {
  const { kernels } = arrays;
  const names = namesAfter(goldenCase, 'k.0.');
  const outputs: Outputs = new Map();
  for (const [i, m] of numberListParam(goldenCase, 'm').entries()) {
    const keys = names.map((name) => arrays.from(floatInput(goldenCase, `k.0.${name}`).data));
    for (let step = 1; step <= numberParam(goldenCase, 'steps'); step++) {
      const queries = names.map((name) => arrays.from(floatInput(goldenCase, `q.${step}.${name}`).data));
      kernels.ema({ targets: keys, sources: queries, keep: m, scale: 1 - m });
      for (const [j, name] of names.entries()) {
        const { shape } = floatInput(goldenCase, `k.0.${name}`);
        outputs.set(`m${i}.k.${step}.${name}`, float32(shape, await kernels.read(keys[j]!)));
      }
    }
  }
  return outputs;
}
