import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeviceArray } from '../../src/kernels/device-array.ts';
import { createWasmKernels, type WasmKernels } from '../../src/kernels/wasm/wasm-kernels.ts';
import { expectSameBits } from '../compare.ts';
import { errorOf, generator, runInfoNce, unitRows, upload, withArrays } from './inputs.ts';

let kernels: WasmKernels;
beforeEach(async () => {
  kernels = await createWasmKernels();
});
afterEach(() => kernels.dispose());

describe('memory of the kernels', () => {
  it('1000 rounds of taking and freeing in mixed order leave nothing behind and do not grow the memory', () => {
    const random = generator(1);
    const round = (): void => {
      const arrays = Array.from({ length: 20 }, () => kernels.allocate(Math.floor(5000 * random())));
      while (arrays.length) kernels.free(arrays.splice(Math.floor(arrays.length * random()), 1)[0]!);
    };
    const kept = upload(kernels, [1, 2, 3]);
    for (let i = 0; i < 50; i++) round();
    const [bytes, size] = [kernels.heapBytes, kernels.view(kept).buffer.byteLength];
    for (let i = 0; i < 1000; i++) round();
    expect(kernels.heapBytes).toBe(bytes);
    expect(kernels.liveArrays).toBe(1);
    expect(kernels.view(kept).buffer.byteLength).toBe(size);
    expect([...kernels.view(kept)]).toEqual([1, 2, 3]);
  });

  it('all space comes back whole: after any frees, one array of nearly all of it fits', async () => {
    const small = await createWasmKernels({ maximumBytes: 4 << 20 });
    const most = small.allocate((3 << 20) / 4);
    small.free(most);
    const arrays = Array.from({ length: 90 }, () => small.allocate(8000));
    for (const part of [0, 1, 2]) {
      for (const array of arrays.filter((_, i) => i % 3 === part)) small.free(array);
    }
    expect(small.heapBytes).toBe(0);
    expect(small.allocate((3 << 20) / 4).length).toBe((3 << 20) / 4);
  });

  it('arrays never overlap, start at multiples of 16, and are zeroed', () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 300 }), fc.nat()), { maxLength: 60 }),
        (script) => {
          const live: { array: DeviceArray; mark: number }[] = [];
          for (const [i, [length, choice]] of script.entries()) {
            const array = kernels.allocate(length);
            const view = kernels.view(array);
            expect(view.byteOffset % 16).toBe(0);
            expect(view.every((x) => x === 0)).toBe(true);
            view.fill(i + 1);
            live.push({ array, mark: i + 1 });
            if (choice % 2) kernels.free(live.splice(choice % live.length, 1)[0]!.array);
            for (const { array: other, mark } of live) {
              expect(kernels.view(other).every((x) => x === mark)).toBe(true);
            }
          }
          for (const { array } of live) kernels.free(array);
          expect(kernels.heapBytes).toBe(0);
        },
      ),
      { numRuns: 50 },
    ));

  it('a view stays valid when the memory grows', () => {
    const array = upload(kernels, [1, 2, 3]);
    const view = kernels.view(array);
    expect(view.buffer).toBeInstanceOf(SharedArrayBuffer);
    const big = kernels.allocate(3 << 20);
    expect(kernels.view(big).buffer.byteLength).toBeGreaterThan(view.buffer.byteLength);
    kernels.accumulate({ sums: [array], xs: [upload(kernels, [1, 1, 1])] });
    expect([...view]).toEqual([2, 3, 4]);
  });

  it('a worker sees and changes an array through its view, without a copy', async () => {
    const array = upload(kernels, [1, 2, 3]);
    const { buffer, byteOffset, length } = kernels.view(array);
    const code = `const { parentPort, workerData } = require('node:worker_threads');
      const view = new Float32Array(workerData.buffer, workerData.byteOffset, workerData.length);
      view[1] += 10;
      parentPort.postMessage([...view]);`;
    const worker = new Worker(code, { eval: true, workerData: { buffer, byteOffset, length } });
    const [seen] = await once(worker, 'message');
    await worker.terminate();
    expect(seen).toEqual([1, 12, 3]);
    expect([...(await kernels.read(array))]).toEqual([1, 12, 3]);
  });

  it.each([1, 31, 33, 37])('infonce does not read what lies behind a queue of %i rows', async (queueSize) => {
    const random = generator(queueSize);
    const [query, key, queue] = [
      unitRows(3, 16, random),
      unitRows(3, 16, random),
      unitRows(queueSize, 16, random),
    ];
    const inputs = { query, key, queue, rows: 3, dim: 16, queueSize, temperature: 0.2, gradientScale: 1 };
    const want = await runInfoNce(kernels, inputs);
    await withArrays(kernels, async (put) => {
      const negatives = put(queue);
      const behind = put(new Float32Array(64 * 16).fill(Number.NaN));
      expect(kernels.view(behind).byteOffset - kernels.view(negatives).byteOffset).toBe(
        4 * 16 * queueSize + 16,
      );
      const [loss, dQuery, rank] = [put([0, 0, 0]), put(new Float32Array(48)), put([0, 0, 0])];
      kernels.infonce({ ...inputs, query: put(query), key: put(key), queue: negatives, loss, dQuery, rank });
      expectSameBits('loss', await kernels.read(loss), want.loss);
      expectSameBits('dQuery', await kernels.read(dQuery), want.dQuery);
    });
  });

  it('kernels give their scratch back, and keep nothing when there is none', async () => {
    const small = await createWasmKernels({ maximumBytes: 2 << 20 });
    const random = generator(2);
    const inputs = { rows: 8, dim: 16, queueSize: 40, temperature: 0.2, gradientScale: 1 };
    const matrices = {
      query: unitRows(8, 16, random),
      key: unitRows(8, 16, random),
      queue: unitRows(40, 16, random),
    };
    await runInfoNce(small, { ...inputs, ...matrices });
    expect(small.heapBytes).toBe(0);
    const [query, queue, loss] = [small.allocate(8 * 16), small.allocate(40 * 16), small.allocate(8)];
    const fillers: DeviceArray[] = [];
    for (let size = 1 << 18; size >= 256; size >>= 1) {
      try {
        for (;;) fillers.push(small.allocate(size));
      } catch {}
    }
    const before = small.heapBytes;
    const error = errorOf(() =>
      small.infonce({ ...inputs, query, key: query, queue, loss, dQuery: query, rank: loss }),
    );
    expect(error.code).toBe('out-of-memory');
    expect(small.heapBytes).toBe(before);
  });

  it('says what there was no memory for', async () => {
    const small = await createWasmKernels({ maximumBytes: 2 << 20 });
    const error = errorOf(() => small.allocate(1 << 20));
    expect(error.code).toBe('out-of-memory');
    expect(error.message).toContain('1048576 float32');
    expect(errorOf(() => kernels.allocate(2 ** 30)).code).toBe('out-of-memory');
    expect(small.allocate(1000).length).toBe(1000);
  });
});

describe('wrong use of the kernels', () => {
  it('use after free, double free, foreign arrays and use after dispose', async () => {
    const array = kernels.allocate(4);
    kernels.free(array);
    const other = await createWasmKernels();
    const foreign = other.allocate(4);
    for (const body of [
      () => kernels.free(array),
      () => kernels.view(array),
      () => kernels.accumulate({ sums: [array], xs: [array] }),
      () => kernels.accumulate({ sums: [foreign], xs: [foreign] }),
      () => kernels.view({ length: 3 }),
    ]) {
      expect(errorOf(body).code).toBe('array-freed');
    }
    other.dispose();
    expect(errorOf(() => other.view(foreign)).message).toContain('disposed');
    expect(errorOf(() => other.allocate(1)).code).toBe('array-freed');
  });

  it('an error names the argument and both sizes, and comes before anything is written', async () => {
    const array = (length: number): DeviceArray => upload(kernels, new Float32Array(length).fill(1));
    const gate = array(1);
    const sgd = { learningRate: 0.1, momentum: 0.9, weightDecay: 0 };
    const first = array(2);
    const cases: [string, RegExp, () => unknown][] = [
      [
        'shape-mismatch',
        /x has 5 .*\[2, 3\] needs 6/,
        () => kernels.l2norm({ x: array(5), y: array(6), norm: array(2), rows: 2, dim: 3 }),
      ],
      [
        'shape-mismatch',
        /norm has 3 .*\[2\] needs 2/,
        () => kernels.l2norm({ x: array(6), y: array(6), norm: array(3), rows: 2, dim: 3 }),
      ],
      [
        'shape-mismatch',
        /sources\[1\] has 3 .* needs 2/,
        () =>
          kernels.ema({
            targets: [first, array(2)],
            sources: [array(2), array(3)],
            keep: 0.5,
            scale: 1 - 0.5,
          }),
      ],
      [
        'shape-mismatch',
        /different lengths: 1, 2/,
        () => kernels.ema({ targets: [first], sources: [array(2), array(2)], keep: 0.5, scale: 1 - 0.5 }),
      ],
      [
        'usage',
        /keep is NaN, but must be finite/,
        () => kernels.ema({ targets: [first], sources: [array(2)], keep: Number.NaN, scale: 1 }),
      ],
      [
        'shape-mismatch',
        /gradients\[0\] has 1/,
        () => kernels.sgd({ parameters: [first], gradients: [gate], buffers: [array(2)], ...sgd, gate }),
      ],
      [
        'usage',
        /learningRate is NaN/,
        () =>
          kernels.sgd({ parameters: [], gradients: [], buffers: [], ...sgd, learningRate: Number.NaN, gate }),
      ],
      [
        'shape-mismatch',
        /pointer is 4.*\[0, 3\]/,
        () =>
          kernels.enqueue({
            queue: array(8),
            keys: array(2),
            pointer: 4,
            queueSize: 4,
            rows: 1,
            dim: 2,
            gate,
          }),
      ],
      [
        'shape-mismatch',
        /values has 3 elements at offset 1/,
        () => kernels.write(first, new Float32Array(3), 1),
      ],
    ];
    for (const [code, message, body] of cases) {
      const error = errorOf(body);
      expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
    }
    expect([...kernels.view(first)]).toEqual([1, 1]);
    await expect(
      kernels.topk({ queries: array(2), bank: array(6), rows: 1, bankRows: 3, dim: 2, k: 4 }),
    ).rejects.toThrow('k is 4');
  });
});
