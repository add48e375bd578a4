/** Bind groups are made once for arrays that stay, and let go of with them. */
import { expect, it } from 'vitest';
import type { DeviceArray } from '../../src/kernels/device-array.ts';
import { BindGroups } from '../../src/kernels/webgpu/bind-groups.ts';
import { onWebGpu } from '../kernels/backends.ts';
import { upload } from '../kernels/inputs.ts';

onWebGpu(({ kernels }, { device }) => {
  /** How many bind groups are made while something runs. */
  function made(task: () => void): number {
    const { createBindGroup } = device;
    let count = 0;
    device.createBindGroup = (descriptor) => {
      count++;
      return createBindGroup.call(device, descriptor);
    };
    try {
      task();
      return count;
    } finally {
      device.createBindGroup = createBindGroup;
    }
  }
  const madeByAdd = (a: DeviceArray, b: DeviceArray, y: DeviceArray) => made(() => kernels.add({ a, b, y }));

  it('a second dispatch with the same arrays makes none, and computes with what they hold by then', async () => {
    const [a, b, y] = [upload(kernels, [1, 2]), upload(kernels, [10, 20]), upload(kernels, [0, 0])];
    expect(madeByAdd(a, b, y)).toBe(1);
    kernels.write(a, Float32Array.of(3, 4));
    expect(madeByAdd(a, b, y)).toBe(0);
    expect([...(await kernels.read(y))]).toEqual([13, 24]);
    expect(madeByAdd(b, a, y), 'another order is another group').toBe(1);
  });

  it('an array in the place of one that was freed gets a group of its own', async () => {
    const [a, b] = [upload(kernels, [1, 2]), upload(kernels, [10, 20])];
    for (const _ of Array(3)) {
      const y = kernels.allocate(2);
      expect(madeByAdd(a, b, y)).toBe(1);
      expect([...(await kernels.read(y))]).toEqual([11, 22]);
      kernels.free(y);
    }
  });

  it('none is kept of a buffer that somebody else owns', async () => {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = device.createBuffer({ size: 16, usage });
    const [a, b, y] = [upload(kernels, [1, 2]), upload(kernels, [10, 20]), kernels.wrap(buffer, 2)];
    expect([madeByAdd(a, b, y), madeByAdd(a, b, y)]).toEqual([1, 1]);
    expect([...(await kernels.read(y))]).toEqual([11, 22]);
    kernels.free(y);
    buffer.destroy();
  });

  it('so many are kept, and none of freed buffers', () => {
    const usage = GPUBufferUsage.STORAGE;
    const layout = device.createBindGroupLayout({
      entries: [0, 1, 2].map((binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: 'storage' },
      })),
    });
    const [uniforms, ...buffers] = Array.from({ length: 66 }, () => device.createBuffer({ size: 16, usage }));
    const groups = new BindGroups(device);
    for (const buffer of buffers) groups.own(buffer);
    const get = (a: GPUBuffer, b: GPUBuffer) => groups.get(layout, { buffer: uniforms! }, [a, b]);
    expect(get(buffers[0]!, buffers[1]!)).toBe(get(buffers[0]!, buffers[1]!));
    expect(groups.count).toBe(1);
    get(buffers[1]!, buffers[2]!);
    get(buffers[2]!, buffers[3]!);
    groups.forget(buffers[1]!);
    expect(groups.count).toBe(1);
    get(buffers[0]!, buffers[1]!);
    expect(groups.count, 'forgotten is not owned').toBe(1);
    groups.own(buffers[1]!);
    for (const a of buffers) for (const b of buffers) if (a !== b) get(a, b);
    expect(groups.count, 'the first 4096 have been let go of').toBe(65 * 64 - 4096);
    for (const buffer of buffers) groups.forget(buffer);
    expect(groups.count).toBe(0);
    for (const buffer of [uniforms!, ...buffers]) buffer.destroy();
  });
});
