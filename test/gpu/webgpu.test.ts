import { describe, expect, it } from 'vitest';
import { infoNceReference } from '../../src/conformance/references/infonce.ts';
import { L2NORM_BOUNDS } from '../../src/conformance/references/l2norm.ts';
import type { DeviceArray } from '../../src/kernels/device-array.ts';
import { splitQueue } from '../../src/kernels/row-tiles.ts';
import { grid } from '../../src/kernels/shader.ts';
import { createWebGpuKernels } from '../../src/kernels/webgpu/webgpu-kernels.ts';
import { requestDevice } from '../../src/runtime/gpu.ts';
import { expectClose, expectSameBits } from '../compare.ts';
import { onWebGpu } from '../kernels/backends.ts';
import { errorOf, generator, normals, runInfoNce, unitRows, upload, withArrays } from '../kernels/inputs.ts';

describe('how work is divided', () => {
  it('the grid covers the count with at most 65,535 workgroups a dimension', () => {
    for (const count of [0, 1, 65_535, 65_536, 131_071, 10_000_019]) {
      const [x, y] = grid(count);
      expect(Math.max(x, y)).toBeLessThanOrEqual(65_535);
      expect(x * y).toBeGreaterThanOrEqual(count);
      expect(x * y - count).toBeLessThan(Math.max(1, y));
    }
  });

  it('splits cover the queue in whole tiles, none is empty, and the combining shader holds them', () => {
    for (const queueSize of [1, 31, 32, 33, 128, 129, 4096, 65_535, 65_536, 65_537, 1_000_003]) {
      const { splits, splitRows } = splitQueue(queueSize);
      expect(splits).toBeLessThanOrEqual(128);
      expect(splitRows % 32).toBe(0);
      expect(splits * splitRows).toBeGreaterThanOrEqual(queueSize);
      expect((splits - 1) * splitRows).toBeLessThan(queueSize);
    }
  });
});

onWebGpu(({ kernels, accuracy }, gpu) => {
  const { device } = gpu;

  it('says which adapter it has', () => {
    expect(gpu.name.length).toBeGreaterThan(0);
    expect(device.limits.maxStorageBufferBindingSize).toBeGreaterThanOrEqual(128 << 20);
  });

  it.each([129, 257])('infonce with C = %i: several blocks of columns', async (dim) => {
    const random = generator(dim);
    const [query, key, queue] = [
      unitRows(3, dim, random),
      unitRows(3, dim, random),
      unitRows(300, dim, random),
    ];
    const inputs = { query, key, queue, rows: 3, dim, queueSize: 300, temperature: 0.1, gradientScale: 0.5 };
    const want = infoNceReference(query, key, queue, 3, dim, 300, 0.1, 0.5, accuracy);
    const got = await runInfoNce(kernels, inputs);
    expectClose('loss', got.loss, want.loss, want.lossBound);
    expectClose('rank', got.rank, want.rank, 0);
    expectClose('dQuery', got.dQuery, want.dQuery, want.dQueryBound, [3, dim]);
  });

  it.each([1, 2 ** -30])(
    'the rank is exact where float32 does not tell: rows in another order, ulps apart; ‖q‖ = %f',
    async (size) => {
      const [rows, dim, queueSize] = [6, 32, 300];
      const random = generator(11);
      // All components of a query are equal, so only the sum of a row counts, not its order.
      const query = Float32Array.from({ length: rows * dim }, () => size / Math.sqrt(dim));
      const one = unitRows(1, dim, random);
      const key = Float32Array.from({ length: rows * dim }, (_, i) => one[i % dim]!);
      const negatives = Array.from({ length: queueSize }, () => {
        const row = one.toSorted(() => random() - 0.5);
        // All of a row up, or all down: what bits below 2^-80 do to an exact tie of different products is not promised.
        const sign = random() < 0.5 ? -1 : 1;
        for (let i = Math.floor(4 * random()); i > 0; i--) {
          const at = Math.floor(dim * random());
          row[at] = row[at]! + sign * Math.abs(row[at]!) * 2 ** -23;
        }
        return row;
      });
      const queue = Float32Array.from(negatives.flatMap((row) => [...row]));
      const exact = (x: Float32Array, from: number): bigint =>
        x.subarray(from, from + dim).reduce((sum, value) => sum + BigInt(value * 2 ** 149), 0n);
      const positive = exact(key, 0);
      const sums = Array.from({ length: queueSize }, (_, j) => exact(queue, j * dim));
      const want = sums.filter((sum) => sum > positive).length;
      expect(want).toBeGreaterThan(50);
      expect(sums.filter((sum) => sum === positive).length).toBeGreaterThan(20);
      const shape = { rows, dim, queueSize, temperature: 0.2, gradientScale: 1 };
      const { rank } = await runInfoNce(kernels, { query, key, queue, ...shape });
      expect([...rank]).toEqual(Array(rows).fill(want));
    },
  );

  it('the gradient may take the place of the query, the query of its gradient', () =>
    withArrays(kernels, async (put) => {
      const random = generator(3);
      const [query, key, queue] = [unitRows(40, 8, random), unitRows(40, 8, random), unitRows(50, 8, random)];
      const shape = { rows: 40, dim: 8, queueSize: 50, temperature: 0.2, gradientScale: 1 };
      const want = await runInfoNce(kernels, { query, key, queue, ...shape });
      const [both, loss, rank] = [put(query), put(new Float32Array(40)), put(new Float32Array(40))];
      kernels.infonce({ query: both, key: put(key), queue: put(queue), ...shape, loss, dQuery: both, rank });
      expectSameBits('dQuery', await kernels.read(both), want.dQuery);
    }));

  it('wrapped buffers are used up to their length, and left alone by free', async () => {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = device.createBuffer({ size: 64, usage });
    device.queue.writeBuffer(
      buffer,
      0,
      Float32Array.from({ length: 16 }, (_, i) => (i < 5 ? i : Number.NaN)),
    );
    const array = kernels.wrap(buffer, 5);
    const gate = upload(kernels, [1]);
    kernels.finite({ gate, arrays: [array] });
    expect([...(await kernels.read(gate))]).toEqual([1]);
    kernels.accumulate({ sums: [array], xs: [upload(kernels, [1, 1, 1, 1, 1])] });
    expect([...(await kernels.read(array))]).toEqual([1, 2, 3, 4, 5]);
    const whole = kernels.wrap(buffer, 16);
    expect([...(await kernels.read(whole))].slice(5).every(Number.isNaN)).toBe(true);
    kernels.free(array);
    kernels.free(whole);
    expect([...(await kernels.read(kernels.wrap(buffer, 2)))]).toEqual([1, 2]);
    expect(errorOf(() => kernels.wrap(buffer, 17)).code).toBe('shape-mismatch');
    buffer.destroy();
  });

  it('every kernel over lists, rows and steps keeps to the length of buffers that are longer', () =>
    withArrays(kernels, async (put) => {
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
      const buffers: GPUBuffer[] = [];
      const arrays: DeviceArray[] = [];
      /** An array whose buffer goes on with NaN, and so for 4 KiB. */
      const long = (values: readonly number[]): DeviceArray => {
        const buffer = device.createBuffer({ size: 4096 + 16 * values.length, usage });
        device.queue.writeBuffer(buffer, 0, new Float32Array(buffer.size / 4).fill(Number.NaN));
        device.queue.writeBuffer(buffer, 0, Float32Array.from(values));
        buffers.push(buffer);
        arrays.push(kernels.wrap(buffer, values.length));
        return arrays.at(-1)!;
      };
      const [gate, open] = [long([1]), put([1])];
      const [a, b, c, d] = [long([1, 2, 3, 4]), long([1, 1, 1, 1]), long([0, 0, 0, 0]), long([4, 4, 4, 4])];
      kernels.accumulate({ sums: [a], xs: [b] });
      kernels.ema({ targets: [d], sources: [a], keep: 0.5, scale: 1 - 0.5, gate });
      kernels.copy({ targets: [c], sources: [a], gate });
      kernels.copy({ targets: [b], sources: [c] });
      kernels.ema({ targets: [b], sources: [c], keep: 1, scale: [1], gate });
      kernels.finite({ gate, arrays: [a, b, c, d, gate] });
      const rows = long([0, 0, 0, 0]);
      kernels.gatherRows({ target: rows, source: a, rows: Uint32Array.of(1, 0), dim: 2 });
      kernels.scatterRows({ target: c, source: rows, rows: Uint32Array.of(1, 0), dim: 2 });
      const summary = long([0, 0, 0, 0, 0]);
      kernels.summary({
        loss: long([1, 3]),
        rank: long([0, 7]),
        embedding: a,
        gate,
        rows: 2,
        dim: 2,
        summary,
      });
      kernels.accumulate({ sums: [d], xs: [d] });
      const read = async (array: DeviceArray): Promise<number[]> => [...(await kernels.read(array))];
      expect(await read(a)).toEqual([2, 3, 4, 5]);
      expect(await read(b)).toEqual([4, 6, 8, 10]);
      expect(await read(c)).toEqual([2, 3, 4, 5]);
      expect(await read(d)).toEqual([6, 7, 8, 9]);
      expect(await read(rows)).toEqual([4, 5, 2, 3]);
      expect(await read(gate)).toEqual([1]);
      expectClose('summary', await read(summary), [2, 50, 50, 1, 1], 1e-4);
      kernels.copy({ targets: [open], sources: [gate] });
      for (const [i, buffer] of buffers.entries()) {
        const behind = kernels.wrap(buffer, buffer.size / 4);
        const values = (await kernels.read(behind)).subarray(arrays[i]!.length);
        expect(values.every(Number.isNaN), `what lies behind array ${i}`).toBe(true);
        kernels.free(behind);
      }
      for (const array of arrays) kernels.free(array);
      for (const buffer of buffers) buffer.destroy();
    }));

  it('a buffer for sessions is a multiple of 16 bytes, with the usages that they need', () => {
    for (const length of [0, 1, 3, 4, 5, 1021]) {
      const buffer = kernels.buffer(kernels.allocate(length));
      expect(buffer.size % 16).toBe(0);
      expect(buffer.size).toBeGreaterThanOrEqual(4 * length);
    }
  });

  it('more arrays than one submit has slots for', async () => {
    const keys = Array.from({ length: 300 }, (_, i) => upload(kernels, [i]));
    const query = upload(kernels, [100]);
    kernels.ema({ targets: keys, sources: keys.map(() => query), keep: 0.5, scale: 1 - 0.5 });
    const results = await Promise.all(keys.map((key) => kernels.read(key)));
    expect(results.map(([value]) => value)).toEqual(keys.map((_, i) => i / 2 + 50));
  });

  it('lists longer than one submit has slots for, in order, also in place', () =>
    withArrays(kernels, async (put) => {
      const [a, b, zero] = [put([1]), put([1]), put([0])];
      // Fibonacci's numbers, then nothing for longer than a submit, then the doubling of one in place.
      const pairs = [
        ...Array.from({ length: 20 }, (_, i) => (i % 2 ? [b, a] : [a, b])),
        ...Array.from({ length: 270 }, () => [b, zero]),
        ...Array.from({ length: 10 }, () => [a, a]),
      ];
      kernels.accumulate({ sums: pairs.map(([sum]) => sum!), xs: pairs.map(([, x]) => x!) });
      expect([...(await kernels.read(a)), ...(await kernels.read(b))]).toEqual([10946 * 2 ** 10, 17711]);
    }));

  it('two results in one array are refused before any of the list is issued', () =>
    withArrays(kernels, async (put) => {
      const options = { learningRate: 1, momentum: 0, weightDecay: 0 };
      const parameters = Array.from({ length: 300 }, () => put([1]));
      const buffers = parameters.map((parameter, i) => (i === 299 ? parameter : put([0])));
      const gradients = parameters.map(() => put([1]));
      const error = errorOf(() =>
        kernels.sgd({ parameters, gradients, buffers, ...options, gate: put([1]) }),
      );
      expect(error.message).toContain('two results of sgd');
      expect([...(await kernels.read(parameters[0]!))]).toEqual([1]);
    }));

  it('rows may be listed in a SharedArrayBuffer', () =>
    withArrays(kernels, async (put) => {
      const rows = new Uint32Array(new SharedArrayBuffer(16), 4, 2);
      rows.set([2, 0]);
      const target = put([0, 0]);
      kernels.gatherRows({ target, source: put([5, 6, 7]), rows, dim: 1 });
      expect([...(await kernels.read(target))]).toEqual([7, 5]);
    }));

  it('more than 65,535 workgroups of an elementwise kernel', () =>
    withArrays(kernels, async (put) => {
      const length = 65_536 * 256 + 77;
      const [sum, x] = [put(new Float32Array(length)), put(new Float32Array(length).fill(1))];
      kernels.accumulate({ sums: [sum], xs: [x] });
      const result = await kernels.read(sum);
      expect(result.findIndex((value) => value !== 1)).toBe(-1);
    }));

  it('more than 65,535 rows of l2norm', () =>
    withArrays(kernels, async (put) => {
      const rows = 65_540;
      const [x, norm] = [put(normals(rows * 2, generator(1)).map((v) => v + 9)), put(new Float32Array(rows))];
      const values = await kernels.read(x);
      kernels.l2norm({ x, y: x, norm, rows, dim: 2 });
      const got = await kernels.read(norm);
      const want = Array.from(got, (_, r) => Math.hypot(values[2 * r]!, values[2 * r + 1]!));
      expectClose(
        'norm',
        got,
        want,
        want.map((n) => n * L2NORM_BOUNDS.webgpu.normError(2)),
      );
    }));

  it('takes values from a SharedArrayBuffer', () =>
    withArrays(kernels, async (put) => {
      const shared = new Float32Array(new SharedArrayBuffer(32), 8, 4);
      shared.set([1, 2, 3, 4]);
      const target = put(new Float32Array(6));
      kernels.write(target, shared, 2);
      kernels.write(target, shared.subarray(3), 1);
      expect([...(await kernels.read(target))]).toEqual([0, 4, 1, 2, 3, 4]);
      const buffer = kernels.buffer(target);
      device.queue.writeBuffer(buffer, 0, shared.buffer as unknown as ArrayBuffer, 12, 8);
      device.queue.writeBuffer(buffer, 8, shared as unknown as Float32Array<ArrayBuffer>, 1, 2);
      expect([...(await kernels.read(target))]).toEqual([2, 3, 2, 3, 3, 4]);
    }));

  it('wrong use: after free, foreign, too large, one array for two results', () => {
    const array = kernels.allocate(4);
    kernels.free(array);
    expect(errorOf(() => kernels.free(array)).code).toBe('array-freed');
    expect(errorOf(() => kernels.buffer({ length: 4 })).code).toBe('array-freed');
    const limit = Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize);
    if (limit / 4 < 2 ** 31 - 1) {
      expect(errorOf(() => kernels.allocate(limit / 4 + 1))).toMatchObject({
        code: 'out-of-memory',
        message: expect.stringMatching(/binds at most/),
      });
    }
    expect(errorOf(() => kernels.allocate(2 ** 32)).code).toBe('shape-mismatch');
    const one = kernels.allocate(1);
    expect(
      errorOf(() => kernels.l2norm({ x: kernels.allocate(1), y: one, norm: one, rows: 1, dim: 1 })).code,
    ).toBe('usage');
  });

  describe('a device of its own', () => {
    it('a lost device is an error on every later call, and on what waits, never a hang', async () => {
      const { device } = await requestDevice();
      const kernels = await createWebGpuKernels(device);
      const array: DeviceArray = upload(kernels, [1, 2, 3]);
      const pending = kernels.read(array);
      device.destroy();
      await expect(pending).rejects.toMatchObject({ code: 'device-lost' });
      expect(errorOf(() => kernels.allocate(1)).code).toBe('device-lost');
      await expect(kernels.read(array)).rejects.toMatchObject({ code: 'device-lost' });
      await expect(
        kernels.topk({ queries: array, bank: array, rows: 1, bankRows: 1, dim: 3, k: 1 }),
      ).rejects.toMatchObject({ code: 'device-lost' });
      kernels.free(array);
      kernels.dispose();
      expect(errorOf(() => kernels.allocate(1)).message).toContain('disposed');
    });

    it('an error that nobody caught stops the next call', async () => {
      const { device } = await requestDevice();
      const kernels = await createWebGpuKernels(device);
      const array = kernels.allocate(1);
      device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE });
      // Some runtimes report at once, others when the queue next turns.
      await device.queue.onSubmittedWorkDone();
      expect(errorOf(() => kernels.allocate(1)).code).toBe('gpu-failed');
      await expect(kernels.read(array)).rejects.toMatchObject({ code: 'gpu-failed' });
      kernels.dispose();
      device.destroy();
    });
  });
});
