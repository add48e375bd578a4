import { describe, expect, it } from 'vitest';
import { adviceOn, doctorLines, formatBytes } from '../../src/cli/doctor-words.ts';
import type { Environment } from '../../src/runtime/environment.ts';
import type { AdapterReport, GpuReport, PageReport } from '../../src/runtime/gpu-report.ts';
import { reportOf } from '../../src/runtime/gpu-report.ts';
import type { NativeFinding } from '../../src/runtime/native.ts';

const environment: Environment = {
  runtime: 'Node',
  runtimeVersion: '20.0.0',
  platform: 'linux x64',
  cores: 2,
  memory: 2 ** 33,
  sharedArrayBuffer: true,
  wasmSimd: true,
};

/** An adapter as WebGPU has it, of the names and limits given. */
function adapterOf(info: Partial<GPUAdapterInfo>, binding = 2 ** 31): AdapterReport {
  const names = { vendor: '', architecture: '', device: '', description: '', ...info };
  const limits = { maxBufferSize: 2 ** 32, maxStorageBufferBindingSize: binding };
  return reportOf({ info: names, limits, features: new Set(['shader-f16']) } as unknown as GPUAdapter);
}

const found = (adapter: AdapterReport, page: PageReport | null = null): GpuReport => ({
  adapter,
  missing: null,
  page,
});

describe('software adapters', () => {
  // As Node, Deno and Chromium were seen to report them.
  it.each([
    { description: 'SwiftShader driver 5.0.0', vendor: 'google', architecture: 'swiftshader' },
    { description: 'SwiftShader Device (Subzero)', vendor: '6880', device: '49374' },
    { description: 'llvmpipe (LLVM 15.0.6, 256 bits)', vendor: '65541', device: '0' },
    { vendor: 'google', architecture: 'swiftshader' },
    { description: 'some rasterizer', isFallbackAdapter: true },
  ])('%j', (info) => {
    expect(adapterOf(info).software).toBe(true);
  });

  it('hardware ones are not', () => {
    expect(adapterOf({ vendor: 'nvidia', architecture: 'ampere' })).toMatchObject({
      name: 'nvidia ampere',
      software: false,
    });
    expect(adapterOf({ description: 'AMD Radeon 780M (RADV)', isFallbackAdapter: false }).software).toBe(
      false,
    );
  });
});

const native: NativeFinding = { version: '1.2.3', missing: null };
const noNative: NativeFinding = {
  version: null,
  missing: { what: 'it is not installed', advice: 'install that' },
};

describe('doctor', () => {
  it('has nothing to do where all is well', () => {
    const gpu = found(adapterOf({ vendor: 'nvidia', architecture: 'ampere' }));
    expect(adviceOn(environment, gpu, native)).toEqual([]);
    const choice = { backend: 'webgpu', adapter: 'nvidia ampere', reason: 'hardware adapter' } as const;
    const text = doctorLines({ environment, versions: {}, gpu, native, choice }).join('\n');
    expect(text).toMatch(/^GPU adapter +nvidia ampere \(hardware\)$/m);
    expect(text).toMatch(/^ {2}maxStorageBufferBindingSize +2 GiB$/m);
    expect(text).toMatch(/^ {2}features +shader-f16 yes, timestamp-query no, subgroups no$/m);
    expect(text).toMatch(/^backend +webgpu: hardware adapter$/m);
  });

  it('says which groups fit a small binding', () => {
    const gpu = found(adapterOf({}, 2 ** 27));
    expect(adviceOn(environment, gpu, native)).toEqual([
      'ResNet-50 at 224 px needs groups of 18 images or less: raise --groups',
    ]);
    expect(adviceOn(environment, found(adapterOf({}, 2 ** 20)), native)).toEqual([
      'ResNet-50 at 224 px does not fit this GPU',
    ]);
  });

  it('says how a page would share memory', () => {
    const page = { secure: true, crossOriginIsolated: false };
    const gpu = found(adapterOf({}), page);
    expect(adviceOn({ ...environment, sharedArrayBuffer: false }, gpu, native)).toEqual([
      expect.stringContaining('Cross-Origin-Embedder-Policy'),
    ]);
  });

  it('says what is missing, and how to get it', () => {
    const missing = { problem: 'no-package', what: 'Node has no WebGPU', advice: 'install it' } as const;
    expect(adviceOn(environment, { adapter: null, missing, page: null }, noNative)).toEqual([
      'Node has no WebGPU: install it',
      expect.stringMatching(/^it is not installed .*: install that$/),
    ]);
  });

  it('bytes are for people', () => {
    expect([0, 65536, 1536 * 1024, 4294967292].map(formatBytes)).toEqual([
      '0 bytes',
      '64 KiB',
      '1.5 MiB',
      '4 GiB',
    ]);
  });
});
