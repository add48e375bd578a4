/** Kernels on several threads: the same bits, whatever is shared, and whoever dies. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runConformance } from '../../src/conformance/index.ts';
import type { DeviceArray } from '../../src/kernels/device-array.ts';
import { callOf } from '../../src/kernels/export-call.ts';
import { instantiateKernels } from '../../src/kernels/wasm/module.ts';
import { KernelTeam } from '../../src/kernels/wasm/team.ts';
import { createWasmKernels, type WasmKernels } from '../../src/kernels/wasm/wasm-kernels.ts';
import type { WorkerHandle } from '../../src/runtime/worker.ts';
import { expectSameBits } from '../compare.ts';
import {
  errorOf,
  generator,
  normals,
  runBatchNorm,
  runBatchNormBackward,
  runConvInputGradient,
  runConvolution,
  runConvWeightGradient,
  runCrossEntropy,
  runInfoNce,
  runNtXent,
  unitRows,
  upload,
  withArrays,
} from './inputs.ts';

/** The threads, as they were started. */
const started: WorkerHandle[] = vi.hoisted(() => []);
vi.mock('../../src/runtime/worker.ts', async (original) => {
  const real = await original<typeof import('../../src/runtime/worker.ts')>();
  const spawnWorker: typeof real.spawnWorker = async (...args) => {
    const handle = await real.spawnWorker(...args);
    started.push(handle);
    return handle;
  };
  return { ...real, spawnWorker };
});

/** Everything is shared that can be. */
const ALL = { sharedFrom: 1 };

let alone: WasmKernels;
const teams = new Map<number, WasmKernels>();
beforeAll(async () => {
  alone = await createWasmKernels();
  for (const threads of [2, 3]) teams.set(threads, await createWasmKernels({ threads, ...ALL }));
});
afterAll(() => {
  for (const kernels of [alone, ...teams.values()]) kernels.dispose();
});

/** Odd lengths, and whole networks of them. */
const LISTS = [[1], [15], [16], [17], [1021], [100_003], [5, 0, 3, 64, 4099, 1, 513], Array(70).fill(37)];

type Lists = (values: (random: () => number) => number) => DeviceArray[];

const ELEMENTWISE: readonly [
  string,
  (kernels: WasmKernels, lists: Lists, gate: DeviceArray) => DeviceArray[],
][] = [
  [
    'accumulate',
    (kernels, lists) => {
      const [sums, xs] = [lists(anything), lists(anything)];
      kernels.accumulate({ sums, xs });
      return sums;
    },
  ],
  [
    'relu, reluBackward, add',
    (kernels, lists) => {
      const [xs, gradients] = [lists(anything), lists(anything)];
      for (const [i, x] of xs.entries()) {
        const dx = gradients[i]!;
        kernels.reluBackward({ dy: dx, y: x, dx });
        kernels.relu({ x, y: x });
        kernels.add({ a: x, b: dx, y: x });
      }
      return [...xs, ...gradients];
    },
  ],
  [
    'copy',
    (kernels, lists) => {
      const [targets, sources] = [lists(anything), lists(anything)];
      kernels.copy({ targets, sources });
      return targets;
    },
  ],
  [
    'ema',
    (kernels, lists, gate) => {
      const [targets, sources] = [lists(anything), lists(anything)];
      kernels.ema({ targets, sources, keep: 0.9, scale: targets.map((_, i) => 0.1 + i), gate });
      return targets;
    },
  ],
  [
    'sgd',
    (kernels, lists, gate) => {
      const [parameters, gradients, buffers] = [lists(anything), lists(anything), lists(anything)];
      kernels.sgd({
        parameters,
        gradients,
        buffers,
        learningRate: 0.03,
        momentum: 0.9,
        weightDecay: 1e-4,
        gate,
      });
      return [...parameters, ...buffers];
    },
  ],
  [
    'lars',
    (kernels, lists, gate) => {
      const [parameters, gradients, buffers] = [lists(anything), lists(anything), lists(anything)];
      const options = { learningRate: 0.3, momentum: 0.9, weightDecay: 1e-2, trust: 0.01 };
      kernels.lars({ parameters, gradients, buffers, ...options, rateInMomentum: true, gate });
      return [...parameters, ...buffers];
    },
  ],
  [
    'adamw',
    (kernels, lists, gate) => {
      const [parameters, gradients, means] = [lists(anything), lists(anything), lists(anything)];
      const squares = lists((random) => random());
      const options = {
        learningRate: 0.03,
        weightDecay: 1e-2,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        step: 3,
      };
      kernels.adamw({ parameters, gradients, means, squares, ...options, gate });
      return [...parameters, ...means, ...squares];
    },
  ],
];

function anything(random: () => number): number {
  return 2 * random() - 1;
}

describe.each([2, 3])('%i threads give the bits of one', (threads) => {
  const team = () => teams.get(threads)!;

  describe.each(LISTS.map((lengths) => [lengths] as const))('lengths %j', (lengths) => {
    it.each(ELEMENTWISE)('%s', async (_, run) => {
      const results = [alone, team()].map((kernels) =>
        withArrays(kernels, async (put) => {
          const random = generator(lengths.length);
          const lists: Lists = (value) =>
            lengths.map((length) => put(Float32Array.from({ length }, () => value(random))));
          const written = run(kernels, lists, put([1]));
          return Promise.all(written.map((array) => kernels.read(array)));
        }),
      );
      const [want, got] = await Promise.all(results);
      for (const [i, values] of want!.entries()) expectSameBits(`array ${i}`, got![i]!, values);
    });

    it('finite, wherever the bad one is', () =>
      withArrays(team(), async (put) => {
        const arrays = lengths.map((length) => put(new Float32Array(length).fill(1)));
        const gate = put([1]);
        team().finite({ gate, arrays });
        expect(team().view(gate)[0]).toBe(1);
        for (const place of [0, lengths.length - 1]) {
          for (const at of [0, lengths[place]! >> 1, lengths[place]! - 1]) {
            const view = team().view(arrays[place]!);
            view[at] = Number.NaN;
            team().finite({ gate, arrays });
            expect(team().view(gate)[0]).toBe(0);
            [view[at], team().view(gate)[0]] = [1, 1];
          }
        }
      }));
  });

  it.each<[number, number, number]>([
    [0, 16, 40],
    ...[1, 3, 4, 5, 8, 31, 32, 33, 63, 255, 257, 600].map((rows): [number, number, number] => [rows, 20, 75]),
    [37, 128, 1000],
    [64, 100, 257],
  ])('infonce, N = %i, C = %i, K = %i', async (rows, dim, queueSize) => {
    const random = generator(rows + dim);
    const [query, key, queue] = [rows, rows, queueSize].map((count) => unitRows(count, dim, random));
    // Ranks that float32 does not tell, and a queue of which every tile changes a maximum.
    if (rows > 0) queue!.set(key!.subarray(0, dim), dim);
    const inputs = { query: query!, key: key!, queue: queue!, rows, dim, queueSize };
    const options = { temperature: 0.05, gradientScale: 1 / 256 };
    const want = await runInfoNce(alone, { ...inputs, ...options });
    const got = await runInfoNce(team(), { ...inputs, ...options });
    for (const name of ['loss', 'rank', 'dQuery'] as const) expectSameBits(name, got[name], want[name]);
  });

  it.each<[number, number]>([
    [0, 16],
    ...[2, 4, 6, 8, 30, 32, 34, 62, 254, 258, 600].map((rows): [number, number] => [rows, 20]),
    [1100, 128],
  ])('ntxent, 2N = %i, C = %i', async (rows, dim) => {
    const z = unitRows(rows, dim, generator(rows + dim));
    // A rank that float32 does not tell.
    if (rows > 4) z.set(z.subarray(0, dim), 2 * dim);
    const inputs = { z, rows, dim, temperature: 0.05, gradientScale: 1 / 256 };
    const want = await runNtXent(alone, inputs);
    const got = await runNtXent(team(), inputs);
    for (const name of ['loss', 'rank', 'dz'] as const) expectSameBits(name, got[name], want[name]);
  });

  it.each([0, 1, 4, 5, 31, 64, 257])('crossEntropy of %i rows', async (rows) => {
    const random = generator(rows);
    const labels = Array.from({ length: rows }, (_, r) => r % 23);
    const inputs = { logits: normals(23 * rows, random), labels, classes: 23, gradientScale: 0.1 };
    const [want, got] = [await runCrossEntropy(alone, inputs), await runCrossEntropy(team(), inputs)];
    for (const name of ['loss', 'rank', 'dLogits'] as const) expectSameBits(name, got[name], want[name]);
  });

  it.each([
    [1, 1],
    [9, 1],
    [50, 1],
    [14, 7],
    [30, 2],
  ])('convWeightGradient of %i filters in %i groups', async (filters, groups) => {
    const random = generator(filters);
    const sizes = { batch: 3, channels: 14, height: 6, width: 7, filters, outHeight: 6, outWidth: 7, groups };
    const window = { kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1] } as const;
    const [x, dy] = [normals(3 * 14 * 42, random), normals(3 * filters * 42, random)];
    const inputs = { ...sizes, ...window, x, dy };
    const want = await runConvWeightGradient(alone, inputs);
    expectSameBits('gradient', await runConvWeightGradient(team(), inputs), want);
  });

  it.each([1, 2, 9])('convolution of %i images, and its input gradient', async (batch) => {
    const random = generator(batch);
    const sizes = {
      batch,
      channels: 5,
      height: 6,
      width: 7,
      filters: 9,
      outHeight: 6,
      outWidth: 7,
      groups: 1,
    };
    const window = { kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1] } as const;
    const x = normals(batch * 5 * 42, random);
    const inputs = { ...sizes, ...window, x, weight: normals(9 * 45, random) };
    expectSameBits('y', await runConvolution(team(), inputs), await runConvolution(alone, inputs));
    const dy = normals(batch * 9 * 42, random);
    const given = { ...sizes, ...window, dy, weight: inputs.weight };
    expectSameBits('dx', await runConvInputGradient(team(), given), await runConvInputGradient(alone, given));
  });

  it.each([
    [3, 1, 5],
    [2, 9, 7],
    [3, 21, 16],
    [5, 50, 1],
  ])('batchNorm of %i images, %i channels, %i values, and its gradient', async (batch, channels, space) => {
    const random = generator(channels);
    const shape = { batch, channels, space, epsilon: 1e-5 };
    const [x, dy] = [normals(batch * channels * space, random), normals(batch * channels * space, random)];
    const [gamma, beta] = [normals(channels, random), normals(channels, random)];
    const want = await runBatchNorm(alone, { ...shape, x, gamma, beta });
    const got = await runBatchNorm(team(), { ...shape, x, gamma, beta });
    for (const name of ['y', 'mean', 'variance', 'residual'] as const) {
      expectSameBits(name, got[name], want[name]);
    }
    const backward = { ...shape, ...want, x, dy, gamma };
    const [first, second] = [
      await runBatchNormBackward(alone, backward),
      await runBatchNormBackward(team(), backward),
    ];
    for (const name of ['dx', 'dGamma', 'dBeta'] as const) expectSameBits(name, second[name], first[name]);
  });

  it('arrays that a call names more than once are taken in order', async () => {
    const length = 4099;
    const results = [alone, team()].map((kernels) =>
      withArrays(kernels, async (put) => {
        const [a, b] = [1, 2].map((seed) => put(normals(length, generator(seed))));
        kernels.accumulate({ sums: [a!, b!, a!], xs: [b!, a!, a!] });
        kernels.ema({ targets: [b!, a!], sources: [a!, b!], keep: 0.3, scale: 0.7 });
        const gate = put([1]);
        kernels.copy({ targets: [gate, a!], sources: [put([0]), b!], gate });
        return Promise.all([a!, b!].map((array) => kernels.read(array)));
      }),
    );
    const [want, got] = await Promise.all(results);
    for (const [i, values] of want!.entries()) expectSameBits(`array ${i}`, got![i]!, values);
  });

  it('memory that has grown since the threads began', async () => {
    const kernels = await createWasmKernels({ threads, ...ALL });
    const big = Array.from({ length: 8 }, () => kernels.allocate(1 << 20));
    const random = generator(1);
    const [query, key, queue] = [64, 64, 300].map((rows) => unitRows(rows, 12, random));
    const inputs = { query: query!, key: key!, queue: queue!, rows: 64, dim: 12, queueSize: 300 };
    const options = { temperature: 0.2, gradientScale: 1 };
    const want = await runInfoNce(alone, { ...inputs, ...options });
    const got = await runInfoNce(kernels, { ...inputs, ...options });
    for (const name of ['loss', 'rank', 'dQuery'] as const) expectSameBits(name, got[name], want[name]);
    kernels.accumulate({ sums: big.slice(0, 4), xs: big.slice(4) });
    kernels.dispose();
  });

  it('nothing is left behind', async () => {
    const kernels = await createWasmKernels({ threads, ...ALL });
    expect([kernels.heapBytes, kernels.liveArrays]).toEqual([0, 0]);
    const array = upload(kernels, new Float32Array(5000).fill(1));
    kernels.accumulate({ sums: [array], xs: [array] });
    expect(kernels.view(array).every((x) => x === 2)).toBe(true);
    kernels.free(array);
    expect([kernels.heapBytes, kernels.liveArrays]).toEqual([0, 0]);
    kernels.dispose();
  });
});

it('the conformance suite holds with a team', async () => {
  const failed: string[] = [];
  for await (const { case: name, status } of runConformance(teams.get(2)!)) {
    if (status === 'FAIL') failed.push(name);
  }
  expect(failed).toEqual([]);
}, 120_000);

it('a second instance on a memory changes nothing in it', async () => {
  const { module, exports, memory } = await instantiateKernels();
  const pointer = exports.allocate(4096) >>> 0;
  new Float32Array(memory.buffer, pointer, 1024).fill(3);
  const before = new Uint8Array(memory.buffer).slice();
  await WebAssembly.instantiate(module, { env: { memory } });
  expect(Buffer.compare(new Uint8Array(memory.buffer).slice(), before)).toBe(0);
});

it('refuses what is no number of threads', () =>
  expect(createWasmKernels({ threads: 0 })).rejects.toMatchObject({ code: 'usage' }));

describe('a thread that dies', () => {
  /** A sum on a team of three, of whose threads some are ended by `end`. */
  async function sumAfter(end: (threads: readonly WorkerHandle[]) => unknown): Promise<void> {
    started.length = 0;
    const kernels = await createWasmKernels({ threads: 3, ...ALL });
    const array = upload(kernels, normals(100_003, generator(1)));
    const want = (await kernels.read(array)).map((x) => x + x);
    await end(started);
    kernels.accumulate({ sums: [array], xs: [array] });
    expectSameBits('sum', await kernels.read(array), want);
    kernels.dispose();
  }

  it('between calls is done without', async () => {
    await sumAfter(([one]) => one!.terminate());
    await sumAfter((all) => Promise.all(all.map((thread) => thread.terminate())));
  });

  it('and is not known to be dead is done without', () =>
    sumAfter((all) => {
      for (const thread of all) void thread.terminate();
    }));

  it('or hangs in the middle of a call is an error, and no end to the waiting', async () => {
    const instance = await instantiateKernels();
    const { peak } = instance.exports;
    const team = await KernelTeam.start(instance, 1, () => 50);
    // The last is taken first, and by this thread, unless the other one was quicker: then again. V8 may still optimize the loop, so
    // that the other one, which begins later, is ten times as fast: it has to be at it when this one is through.
    const calls = [callOf(peak, 6e8, 1), callOf(peak, 2e7, 1)];
    let error: unknown = null;
    for (let i = 0; i < 10 && !error; i++) {
      try {
        team.make(calls);
      } catch (thrown) {
        error = thrown;
      }
    }
    expect(error).toMatchObject({
      code: 'worker-died',
      message: expect.stringContaining('in the middle of a call'),
    });
    expect(team.threads).toBe(1);
  });

  it('leaves no array that could be taken for a state', async () => {
    const kernels = await createWasmKernels({ threads: 2, ...ALL });
    const [array, other] = [kernels.allocate(5000), kernels.allocate(5000)];
    // Behind the end of the memory: whichever thread makes a call fails.
    Object.assign(other, { pointer: 2 ** 32 - 2 ** 16 });
    const error = errorOf(() => kernels.accumulate({ sums: [array], xs: [other] }));
    expect(error.code).toBe('worker-died');
    for (const body of [
      () => kernels.view(array),
      () => kernels.write(array, Float32Array.of(1)),
      () => kernels.copy({ targets: [array], sources: [array] }),
    ]) {
      expect(errorOf(body)).toBe(error);
    }
    await expect(kernels.read(array)).rejects.toBe(error);
    kernels.free(array);
    kernels.dispose();
  });
});
