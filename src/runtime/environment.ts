/** What this machine and runtime offer, for `doctor` and for the first line of a log. */
import { version } from '../../package.json';
import type { Backend } from './backend.ts';
import { coreCount } from './cores.ts';
import { givenOnnxRuntimeVersion } from './given-onnxruntime.ts';
import { memorySize } from './memory.ts';
import { ONNXRUNTIME_VERSION } from './native.ts';

export interface Environment {
  runtime: string;
  runtimeVersion: string;
  platform: string;
  cores: number;
  /** Bytes; null where the runtime does not tell. */
  memory: number | null;
  sharedArrayBuffer: boolean;
  wasmSimd: boolean;
}

/** A function that returns an i8x16: validates only where SIMD exists. Bytes as in the package wasm-feature-detect. */
const SIMD_PROBE = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0],
  ...[10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
);

interface RuntimeGlobals {
  Deno?: { version: { deno: string }; build: { os: string; arch: string } };
  process?: { versions?: { node?: string }; platform?: string; arch?: string };
  navigator?: { userAgent?: string; hardwareConcurrency?: number };
}

/** Which runtime this is, and its version. */
function nameRuntime(): Pick<Environment, 'runtime' | 'runtimeVersion' | 'platform'> {
  const { Deno, process, navigator } = globalThis as unknown as RuntimeGlobals;
  // Deno also has a `process`, so it is asked first.
  if (Deno) {
    const { os, arch } = Deno.build;
    return { runtime: 'Deno', runtimeVersion: Deno.version.deno, platform: `${os} ${arch}` };
  }
  if (process?.versions?.node) {
    const platform = `${process.platform} ${process.arch}`;
    return { runtime: 'Node', runtimeVersion: process.versions.node, platform };
  }
  return { runtime: 'browser', runtimeVersion: navigator?.userAgent ?? 'unknown', platform: 'web' };
}

export async function describeEnvironment(): Promise<Environment> {
  const named = nameRuntime();
  return {
    ...named,
    cores: await coreCount(),
    memory: await memorySize(),
    sharedArrayBuffer: typeof SharedArrayBuffer !== 'undefined',
    wasmSimd: WebAssembly.validate(SIMD_PROBE),
  };
}

/** Versions of what computes: this package, the runtime, onnxruntime-web, and of native code that it runs on. */
export async function describeVersions(backend?: Backend): Promise<Record<string, string>> {
  const { runtime, runtimeVersion } = nameRuntime();
  const given = await givenOnnxRuntimeVersion();
  const web = given === null ? ONNXRUNTIME_VERSION : `${given} (setOnnxRuntime)`;
  const versions = { 'moco-web': version, [runtime]: runtimeVersion, 'onnxruntime-web': web };
  // No other version of it is taken.
  return backend === 'native' ? { ...versions, 'onnxruntime-node': ONNXRUNTIME_VERSION } : versions;
}
