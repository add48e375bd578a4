import { describe, expect, it } from 'vitest';
import { formatSeconds } from '../../src/cli/progress.ts';
import { chooseBackend } from '../../src/runtime/backend.ts';
import type { GpuAdapter, GpuFinding } from '../../src/runtime/gpu.ts';
import type { NativeFinding } from '../../src/runtime/native.ts';

const finds = (name: string, software: boolean) => async (): Promise<GpuFinding<GpuAdapter>> => ({
  adapter: { name, software },
  missing: null,
});
const none = async (): Promise<GpuFinding> => ({
  adapter: null,
  missing: { problem: 'no-package', what: 'Node has no WebGPU', advice: 'install the package' },
});

const native = async (): Promise<NativeFinding> => ({ version: '1.2.3', missing: null });
const noNative = async (): Promise<NativeFinding> => ({
  version: null,
  missing: { what: 'it is not installed', advice: 'install that' },
});

describe('chooseBackend', () => {
  it('auto takes native code where there is no GPU, and says that there is none', async () => {
    const choice = await chooseBackend('auto', { findAdapter: none, findNative: native });
    const reason = 'no GPU: Node has no WebGPU; onnxruntime-node 1.2.3';
    expect(choice).toEqual({ backend: 'native', adapter: null, reason });
  });

  it('refuses native code where it is missing, and says how to get it', async () => {
    const refused = {
      code: 'backend-unavailable',
      message: "it is not installed: install that, or use backend 'wasm'",
    };
    await expect(chooseBackend('native', { findNative: noNative })).rejects.toMatchObject(refused);
    expect(await chooseBackend('native', { findNative: native })).toMatchObject({ backend: 'native' });
  });

  it('auto does not take a software adapter, and says why', async () => {
    const choice = await chooseBackend('auto', {
      findAdapter: finds('SwiftShader', true),
      findNative: noNative,
    });
    expect(choice).toMatchObject({ backend: 'wasm', adapter: null });
    expect(choice.reason).toMatch(/SwiftShader, is a software one/);
  });

  it('auto says why there is no adapter', async () => {
    const reason = 'no GPU: Node has no WebGPU; no native code: it is not installed (install that)';
    expect(await chooseBackend('auto', { findAdapter: none, findNative: noNative })).toEqual({
      backend: 'wasm',
      adapter: null,
      reason,
    });
  });

  it('auto takes a hardware adapter', async () => {
    const reason = 'hardware adapter Radeon';
    expect(await chooseBackend('auto', { findAdapter: finds('Radeon', false), findNative: native })).toEqual({
      backend: 'webgpu',
      adapter: 'Radeon',
      reason,
    });
  });

  it('webgpu takes a software adapter too, and says that it is one', async () => {
    const choice = await chooseBackend('webgpu', { findAdapter: finds('SwiftShader', true) });
    expect(choice).toMatchObject({ backend: 'webgpu', adapter: 'SwiftShader' });
    expect(choice.reason).toMatch(/asked for; SwiftShader, a software adapter/);
  });

  it('refuses WebGPU where there is no adapter, and says how to get one', async () => {
    await expect(chooseBackend('webgpu', { findAdapter: none })).rejects.toMatchObject({
      code: 'backend-unavailable',
      message: "Node has no WebGPU: install the package, or use backend 'wasm'",
    });
  });

  it('does not look for a GPU when wasm is asked for', async () => {
    const never = () => Promise.reject(new Error('looked'));
    expect((await chooseBackend('wasm', { findAdapter: never, findNative: never })).backend).toBe('wasm');
  });
});

describe('formatSeconds', () => {
  it('reads like a clock', () => {
    expect([0, 59.6, 75, 3700, -1].map(formatSeconds)).toEqual(['0:00', '1:00', '1:15', '1:01:40', '0:00']);
  });
});
