/**
 * Shaders with other workgroup sizes, with subgroups and without: right each, with sums in the same order. Where one compiler
 * makes the same of the same sums, as SwiftShader's does, that is the same bits; a GPU's may fuse one and not the other.
 */
import { afterAll, expect, it } from 'vitest';
import { runConformance } from '../../src/conformance/index.ts';
import { withinScopes } from '../../src/conformance/scopes.ts';
import { CASES } from '../../src/conformance/suite.ts';
import { chooseVariant, type VariantOptions } from '../../src/kernels/webgpu/variants.ts';
import { createWebGpuKernels, type WebGpuKernels } from '../../src/kernels/webgpu/webgpu-kernels.ts';
import { expectSameBits } from '../compare.ts';
import { onWebGpu } from '../kernels/backends.ts';
import { errorOf, generator, normals, runInfoNce, unitRows, withArrays } from '../kernels/inputs.ts';
import { plainDevice } from './devices.ts';

const VARIANTS = [
  { workgroupSize: 16, subgroups: false },
  { workgroupSize: 32, subgroups: true },
  { workgroupSize: 256, subgroups: false },
  { workgroupSize: 100, subgroups: true },
];

/** What the kernels with sums give, on shapes with several columns and rows a lane, and what elementwise ones give. */
async function results(kernels: WebGpuKernels): Promise<Record<string, Float32Array>> {
  const [rows, dim, queueSize] = [300, 150, 9000];
  const random = generator(8);
  const [x, dy] = [normals(rows * dim, random, 3), normals(rows * dim, random)];
  const [query, key, queue] = [rows, rows, queueSize].map((count) => unitRows(count, 20, random));
  const shape = { rows: 40, dim: 20, queueSize, temperature: 0.07, gradientScale: 1 };
  const infoNce = await runInfoNce(kernels, {
    query: query!.subarray(0, 800),
    key: key!.subarray(0, 800),
    queue: queue!,
    ...shape,
  });
  return withArrays(kernels, async (put) => {
    const zeros = (length: number) => put(new Float32Array(length));
    const [y, norm, dx, summary] = [zeros(rows * dim), zeros(rows), zeros(rows * dim), zeros(5)];
    kernels.l2norm({ x: put(x), y, norm, rows, dim });
    kernels.l2normBackward({ y, norm, dy: put(dy), dx, rows, dim });
    const rank = put(Float32Array.from({ length: rows }, (_, n) => n % 9));
    const gate = put([1]);
    kernels.summary({ loss: norm, rank, embedding: y, gate, rows, dim, summary });
    const moved = put(x);
    kernels.ema({ targets: [moved], sources: [put(dy)], keep: 0.9, scale: 1 - 0.9 });
    kernels.sgd({
      parameters: [dx],
      gradients: [moved],
      buffers: [y],
      learningRate: 0.1,
      momentum: 0.9,
      weightDecay: 0.1,
      gate,
    });
    const [queries, bank] = [put(query!), put(queue!)];
    const nearest = await kernels.topk({ queries, bank, rows, bankRows: queueSize, dim: 20, k: 7 });
    const arrays = { y, norm, dx, summary, moved };
    const read = Object.entries(arrays).map(async ([name, a]) => [name, await kernels.read(a)] as const);
    const indices = Float32Array.from(nearest.indices);
    return {
      ...infoNce,
      ...(Object.fromEntries(await Promise.all(read)) as Record<string, Float32Array>),
      indices,
      similarities: nearest.similarities,
    };
  });
}

onWebGpu(({ kernels }, { device, software }) => {
  const devices: GPUDevice[] = [];
  afterAll(() => {
    for (const own of devices) own.destroy();
  });
  const usual = results(kernels);

  /** @param most cases of a kernel */
  async function expectUsual(device: GPUDevice, options: VariantOptions = {}, most = 2): Promise<void> {
    const other = await createWebGpuKernels(device, options);
    const [got, want] = [await results(other), await usual];
    expect(Object.keys(got)).toHaveLength(10);
    for (const [name, values] of Object.entries(got)) if (software) expectSameBits(name, values, want[name]!);
    const taken = new Map<string, number>();
    for (const { name, elements } of CASES) {
      const kernel = name.split('/')[0]!;
      const count = (taken.get(kernel) ?? 0) + 1;
      if (elements !== undefined || count > most) continue;
      taken.set(kernel, count);
      for await (const result of runConformance(other, { only: name, device })) {
        expect(result, name).toMatchObject({ status: 'ok' });
      }
    }
    other.dispose();
  }

  it.each(VARIANTS)('the same bits, and small cases right: %o', (options) =>
    expectUsual(device, options, options.workgroupSize === 16 ? Number.POSITIVE_INFINITY : 2),
  );

  it('subgroups are used where the device has them, and not where they are not wanted or not there', async () => {
    const plain = await plainDevice();
    devices.push(plain);
    expect(plain.features.has('subgroups')).toBe(false);
    expect(chooseVariant(plain, {}).subgroups).toBe(false);
    expect(chooseVariant(device, {}).subgroups).toBe(device.features.has('subgroups'));
    expect(chooseVariant(device, { subgroups: false }).subgroups).toBe(false);
    await withinScopes(plain, 90, () => expectUsual(plain));
  });

  it('a workgroup is a power of two, within the limits of the smallest devices', async () => {
    const size = (most: number, options = {}) => {
      const limits = { maxComputeInvocationsPerWorkgroup: most, maxComputeWorkgroupSizeX: most };
      const { workgroupSize } = chooseVariant(
        { limits, features: new Set() } as unknown as GPUDevice,
        options,
      );
      return [64, 256].map(workgroupSize);
    };
    expect(size(1024)).toEqual([64, 256]);
    expect(size(128)).toEqual([64, 128]);
    expect(size(200, { workgroupSize: 256 })).toEqual([128, 128]);
    expect(size(256, { workgroupSize: 1 })).toEqual([1, 1]);
    for (const workgroupSize of [0, 257, 1.5]) {
      expect(errorOf(() => size(256, { workgroupSize })).code).toBe('shape-mismatch');
    }
  });

  it('a device in compatibility mode, with the smallest limits of WebGPU', async () => {
    const small = await plainDevice({ featureLevel: 'compatibility' });
    devices.push(small);
    const { maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupStorageSize } = small.limits;
    expect([maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupStorageSize]).toEqual([128, 16_384]);
    await withinScopes(small, 90, () => expectUsual(small, {}, Number.POSITIVE_INFINITY));
  });
});
