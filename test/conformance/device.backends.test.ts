/** What devices may do to the suite: report, be too small, be lost, hang. With a device made up for it, on wasm. */
import { afterAll, expect, it } from 'vitest';
import {
  type ConformanceOptions,
  type ConformanceResult,
  runConformance,
} from '../../src/conformance/index.ts';
import { MocoError } from '../../src/errors.ts';
import type { Kernels } from '../../src/kernels/kernels.ts';
import { createWasmKernels } from '../../src/kernels/wasm/wasm-kernels.ts';
import { changed } from './changed.ts';

const kernels = await createWasmKernels();
afterAll(() => kernels.dispose());

interface FakeDevice {
  device: GPUDevice;
  /** Scopes that are open. */
  open: GPUErrorFilter[];
}

/** @param errors what the scopes of the first case report */
function fakeDevice(errors: Partial<Record<GPUErrorFilter, string>> = {}, largest = 2 ** 30): FakeDevice {
  const left = { ...errors };
  const open: GPUErrorFilter[] = [];
  const device = {
    limits: { maxBufferSize: 2 ** 30, maxStorageBufferBindingSize: largest },
    pushErrorScope: (filter: GPUErrorFilter) => void open.push(filter),
    popErrorScope: async () => {
      const filter = open.pop()!;
      const message = left[filter];
      delete left[filter];
      return message === undefined ? null : { message };
    },
  };
  return { device: device as unknown as GPUDevice, open };
}

async function run(own: Kernels, options: ConformanceOptions): Promise<ConformanceResult[]> {
  const results: ConformanceResult[] = [];
  for await (const result of runConformance(own, options)) results.push(result);
  return results;
}

const short = (results: readonly ConformanceResult[]) =>
  results.map(({ case: name, status, reason }) => [name.split('/')[1], status, reason]);

it('what a scope catches is a FAIL of that case alone', async () => {
  const { device, open } = fakeDevice({ validation: 'a buffer is too small' });
  const results = await run(kernels, { device, adapter: 'GPU of a dream', only: 'copy/length 6' });
  expect(short(results)).toEqual([
    ['length 63', 'FAIL', 'gpu-failed: WebGPU reported (validation): a buffer is too small'],
    ['length 64', 'ok', null],
    ['length 65', 'ok', null],
  ]);
  expect(results[0]).toMatchObject({ adapter: 'GPU of a dream', backend: 'wasm' });
  expect(open).toEqual([]);
});

it('no memory fails a small case, and leaves out a large one', async () => {
  const small = fakeDevice({ 'out-of-memory': 'none left' });
  expect(short(await run(kernels, { device: small.device, only: 'copy/length 63' }))).toEqual([
    ['length 63', 'FAIL', 'out-of-memory: WebGPU reported (out-of-memory): none left'],
  ]);
  const large = fakeDevice({ 'out-of-memory': 'none left' });
  expect(short(await run(kernels, { device: large.device, only: 'topk/M = 65536' }))).toEqual([
    ['M = 65536', 'skipped', 'out-of-memory: WebGPU reported (out-of-memory): none left'],
  ]);
});

it('arrays beyond the limits are left out, with the limit', async () => {
  const enough = fakeDevice({}, 2 ** 20);
  expect(short(await run(kernels, { device: enough.device, only: 'topk/M = 65536' }))).toEqual([
    ['M = 65536', 'ok', null],
  ]);
  const tight = fakeDevice({}, 2 ** 20 - 1);
  expect(short(await run(kernels, { device: tight.device, only: 'topk/M = 65536' }))).toEqual([
    ['M = 65536', 'skipped', 'an array of 1048576 bytes; this device binds at most 1048575'],
  ]);
});

it.each([
  [
    'is lost',
    () => Promise.reject(new MocoError('device-lost', 'the GPU device was lost')),
    'device-lost: the GPU device was lost',
    'the device was lost in copy/length 63',
  ],
  [
    'hangs',
    () => new Promise<never>(() => {}),
    'aborted: the device hangs: the case did not end within 0.05 s',
    'the device hangs in copy/length 63',
  ],
] as const)('a device that %s fails one case and leaves out the others', async (_, read, reason, others) => {
  const { device } = fakeDevice();
  const bad = changed(kernels, { read });
  const results = await run(bad, { device, timeout: 0.05, only: 'copy/length 6' });
  expect(short(results)).toEqual([
    ['length 63', 'FAIL', reason],
    ['length 64', 'skipped', others],
    ['length 65', 'skipped', others],
  ]);
});
