/** The suite without the compiler's bounds checks: no kernel writes beyond its arrays, or needs what is there. */
import { afterAll, expect, it } from 'vitest';
import accumulate from '../../shaders/accumulate.wgsl';
import { type ConformanceResult, runConformance } from '../../src/conformance/index.ts';
import { CASES } from '../../src/conformance/suite.ts';
import { createWebGpuKernels, type WebGpuKernels } from '../../src/kernels/webgpu/webgpu-kernels.ts';
import type { WebGpuKernelsOptions } from '../../src/kernels/webgpu/webgpu-options.ts';
import { changed } from '../conformance/changed.ts';
import { onWebGpu } from '../kernels/backends.ts';
import { plainDevice } from './devices.ts';
import { Guards } from './guards.ts';

const UNCHECKED = ['disable_robustness'];

/** Writes 7 to element 100 of a binding of 64 elements. */
const BEYOND = `
@group(0) @binding(0) var<storage, read_write> x: array<u32>;
@group(0) @binding(1) var<storage, read> place: array<u32>;
@compute @workgroup_size(1)
fn main() {
  x[place[0]] = 7u;
}`;

async function writtenTo(device: GPUDevice): Promise<number> {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const [x, place] = [1024, 16].map((size) => device.createBuffer({ size, usage })) as [GPUBuffer, GPUBuffer];
  device.queue.writeBuffer(place, 0, Uint32Array.of(100));
  const module = device.createShaderModule({ code: BEYOND });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  const staging = device.createBuffer({
    size: 1024,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const entries = [
    { binding: 0, resource: { buffer: x, size: 256 } },
    { binding: 1, resource: { buffer: place } },
  ];
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(x, 0, staging, 0, 1024);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const index = new Uint32Array(staging.getMappedRange()).indexOf(7);
  for (const buffer of [x, place, staging]) buffer.destroy();
  return index;
}

onWebGpu(() => {
  const devices: GPUDevice[] = [];
  afterAll(() => {
    for (const device of devices) device.destroy();
  });

  interface Unchecked {
    device: GPUDevice;
    guards: Guards;
    kernels: WebGpuKernels;
  }

  async function unchecked(options: WebGpuKernelsOptions = {}): Promise<Unchecked> {
    const device = await plainDevice({}, UNCHECKED);
    devices.push(device);
    const guards = new Guards(device);
    const real = await createWebGpuKernels(device, options);
    const kernels = changed(real, { allocate: (length) => guards.allocate(real, length) }) as WebGpuKernels;
    return { device, guards, kernels };
  }

  async function run({ kernels, device }: Unchecked, only: string): Promise<ConformanceResult> {
    for await (const result of runConformance(kernels, { only, device })) return result;
    throw new Error(`no case ${only}`);
  }

  it('without robustness a shader writes beyond its binding; with it, it does not', async () => {
    const [safe, other] = [await plainDevice(), await plainDevice({}, UNCHECKED)];
    devices.push(safe, other);
    expect(await writtenTo(safe)).toBeLessThan(64);
    expect(await writtenTo(other)).toBe(100);
  });

  it('a kernel that writes one element too many is found', async () => {
    const shaders = {
      'accumulate.wgsl': (accumulate as string).replace('i < params.length', 'i < params.length + 1u'),
    };
    const own = await unchecked({ shaders });
    expect(await run(own, 'accumulate/length 65')).toMatchObject({ status: 'ok' });
    expect((await own.guards.damage()).words).toBe(1);
  });

  it('every case but the slow one is right, and leaves what is behind its arrays', async () => {
    const own = await unchecked();
    for (const { name } of CASES.filter(({ slow }) => !slow)) {
      expect(await run(own, name), name).toMatchObject({ status: 'ok' });
      const { guards, words } = await own.guards.damage();
      expect(guards, name).toBeGreaterThan(1);
      expect(words, `words behind the arrays of ${name} that were written`).toBe(0);
    }
    // All cases, on software.
  }, 300_000);
});
