/** Arrays larger than a device binds: refused with a way out, and nothing else needs more than the smallest devices have. */
import { afterAll, expect, it } from 'vitest';
import { withinScopes } from '../../src/conformance/scopes.ts';
import { infonce } from '../../src/kernels/infonce.ts';
import type { WebGpuCall } from '../../src/kernels/kernel.ts';
import { ntxent } from '../../src/kernels/ntxent.ts';
import type { Dispatch } from '../../src/kernels/shader.ts';
import { BindGroups } from '../../src/kernels/webgpu/bind-groups.ts';
import { DeviceWatch } from '../../src/kernels/webgpu/device-watch.ts';
import { WebGpuScratch } from '../../src/kernels/webgpu/scratch.ts';
import { createWebGpuKernels } from '../../src/kernels/webgpu/webgpu-kernels.ts';
import { onWebGpu } from '../kernels/backends.ts';
import { errorOf } from '../kernels/inputs.ts';
import { plainDevice } from './devices.ts';

const MIB = 2 ** 20;

onWebGpu(() => {
  const open = async () => {
    const device = await plainDevice();
    return { device, kernels: await createWebGpuKernels(device) };
  };
  const opened = open();
  afterAll(async () => {
    const { kernels, device } = await opened;
    kernels.dispose();
    device.destroy();
  });

  it('a queue [K, C] beyond the limit of a binding is refused, with its size, the limit and what to lower', async () => {
    const { kernels, device } = await opened;
    expect(device.limits.maxStorageBufferBindingSize).toBe(128 * MIB);
    await withinScopes(device, 60, async () => {
      const [queueSize, dim] = [1_048_576, 128];
      const error = errorOf(() => kernels.allocate(queueSize * dim));
      expect([error.code, error.message]).toEqual([
        'out-of-memory',
        'an array of 134217728 float32 takes 536870912 bytes, but this GPU device binds at most 134217728 at once: lower the queue size, the batch size or the model',
      ]);
      expect(kernels.liveArrays).toBe(0);
      kernels.free(kernels.allocate((128 * MIB) / 4));
    });
  });

  it('a buffer of somebody else that is longer than a binding is refused, too', async () => {
    const { kernels, device } = await opened;
    await withinScopes(device, 60, async () => {
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
      const buffer = device.createBuffer({ size: 128 * MIB + 16, usage });
      const error = errorOf(() => kernels.wrap(buffer, 4));
      expect([error.code, error.message]).toEqual([
        'out-of-memory',
        expect.stringMatching(
          /^the buffer of an array of 4 float32 takes 134217744 bytes, .* at most 134217728/,
        ),
      ]);
      buffer.destroy();
    });
  });

  it('partial sums that one binding does not hold are taken in turns, each within the limits', async () => {
    const { device } = await opened;
    const scratch = new WebGpuScratch(new DeviceWatch(device), new BindGroups(device));
    for (const [rows, dim, queueSize] of [
      [1, 1, 1],
      [1100, 1024, 4096],
      [100_000, 128, 65_536],
      [65_537, 4096, 3],
    ] as const) {
      // Nothing is run: one buffer stands for all.
      const any = scratch.take('any', 1);
      const dispatches: Dispatch[] = [];
      const call = {
        at: () => any,
        scratch: (name: string, length: number) => scratch.take(name, length),
        run: (issued: readonly Dispatch[]) => void dispatches.push(...issued),
      } as unknown as WebGpuCall;
      const array = { length: 0 };
      const arrays = { query: array, key: array, queue: array, loss: array, dQuery: array, rank: array };
      const args = { ...arrays, rows, dim, queueSize, temperature: 0.2, gradientScale: 1 };
      infonce.webgpu(args, call);
      let next = 0;
      for (const [turn, { shader, parameters, buffers, workgroups }] of dispatches.entries()) {
        for (const count of workgroups) expect(count).toBeLessThanOrEqual(65_535);
        for (const { size } of buffers) expect(size).toBeLessThanOrEqual(128 * MIB);
        expect(shader.name).toBe(turn % 2 ? 'infonce-combine' : 'infonce');
        if (shader.name === 'infonce') continue;
        const [count, , splits, first] = parameters as number[];
        expect(first).toBe(next);
        next += count!;
        expect(buffers[1]!.size, 'the partial sums of a turn').toBeGreaterThanOrEqual(
          4 * count! * splits! * dim,
        );
      }
      expect(next).toBe(rows);
    }
    scratch.dispose();
  });

  it('partial sums of NT-Xent are taken in turns, each within the limits', async () => {
    const { device } = await opened;
    const scratch = new WebGpuScratch(new DeviceWatch(device), new BindGroups(device));
    for (const [rows, dim] of [
      [2, 1],
      [1100, 1024],
      [8192, 128],
      [8192, 4096],
    ] as const) {
      const any = scratch.take('any', 1);
      const dispatches: Dispatch[] = [];
      const call = {
        at: () => any,
        scratch: (name: string, length: number) => scratch.take(name, length),
        run: (issued: readonly Dispatch[]) => void dispatches.push(...issued),
      } as unknown as WebGpuCall;
      const array = { length: 0 };
      const arrays = { z: array, loss: array, rank: array, dz: array };
      ntxent.webgpu({ ...arrays, rows, dim, temperature: 0.2, gradientScale: 1 }, call);
      let next = 0;
      for (const { shader, parameters, buffers, workgroups } of dispatches) {
        for (const count of workgroups) expect(count).toBeLessThanOrEqual(65_535);
        for (const { size } of buffers) expect(size).toBeLessThanOrEqual(128 * MIB);
        if (shader.name !== 'ntxent-gradient') continue;
        const [length, first, , , splits] = parameters as number[];
        expect(first).toBe(next);
        next += length! / dim;
        expect(buffers[0]!.size, 'the partial sums of a turn').toBeGreaterThanOrEqual(4 * length! * splits!);
      }
      expect(next).toBe(rows);
    }
    scratch.dispose();
  });
});
