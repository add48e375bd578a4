/** The GPU of this runtime: `navigator.gpu`, or in Node the optional package `webgpu` (Dawn). */
import { expectOptions, type Forms, oneOf, optional } from '../arguments.ts';
import { messageOf } from '../errors.ts';
import { runtimeName } from './detect.ts';
import { driverAdvice, type MissingGpu, MissingGpuError } from './gpu-missing.ts';

export interface GpuAdapter {
  /** What the adapter calls itself. */
  name: string;
  /** True for llvmpipe, SwiftShader and the like: right for tests, too slow for training. */
  software: boolean;
}

/** An adapter, or why there is none. */
export type GpuFinding<Adapter extends GpuAdapter = GpuAdapter> =
  | { adapter: Adapter; missing: null }
  | { adapter: null; missing: MissingGpu };

export interface GpuDevice extends GpuAdapter {
  /** The caller destroys it. */
  device: GPUDevice;
  /** Those of WANTED_FEATURES that the device has. */
  features: readonly GPUFeatureName[];
}

export interface DeviceOptions {
  powerPreference?: GPUPowerPreference;
}

const OPTIONS: Forms<DeviceOptions> = {
  powerPreference: optional(oneOf(['high-performance', 'low-power'])),
};

/** Taken where the adapter has them: those that onnxruntime-web makes use of. */
export const WANTED_FEATURES = ['shader-f16', 'timestamp-query', 'subgroups'] as const;

/**
 * Asked for as the adapter has them: the defaults (128 MiB a binding) are less than the first activation of a ResNet-50.
 * Those that onnxruntime-web asks for where it makes the device itself, and those of bindings that our kernels may need;
 * textures and vertices are left at their defaults.
 */
export const WANTED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxUniformBufferBindingSize',
  'maxBindGroups',
  'maxBindingsPerBindGroup',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
] as const;

/** @throws MissingGpuError */
async function gpuOfThisRuntime(powerPreference: GPUPowerPreference): Promise<GPU> {
  const { navigator, isSecureContext } = globalThis as {
    navigator?: { gpu?: GPU };
    isSecureContext?: boolean;
  };
  if (navigator?.gpu) return navigator.gpu;
  const runtime = runtimeName();
  if (runtime === 'node') return (await import('./dawn.ts')).startDawn(powerPreference);
  if (runtime === 'deno') {
    const advice = 'update to Deno 2, or run an older one with --unstable-webgpu';
    throw new MissingGpuError('no-webgpu', 'this Deno has no WebGPU (navigator.gpu)', advice);
  }
  if (isSecureContext === false) {
    const what = 'this page is not served by https or localhost, and browsers give WebGPU to no other';
    throw new MissingGpuError('insecure-page', what, 'serve it by https, or open it from localhost');
  }
  const advice = 'use a newer one, or turn WebGPU on in its settings';
  throw new MissingGpuError('no-webgpu', 'this browser has no WebGPU (navigator.gpu)', advice);
}

/**
 * The adapter that a session would get, as WebGPU has it and as we describe it.
 * @throws MissingGpuError
 */
export async function requestAdapter(
  options: DeviceOptions = {},
): Promise<{ adapter: globalThis.GPUAdapter; found: GpuAdapter }> {
  const powerPreference = options.powerPreference ?? 'high-performance';
  const gpu = await gpuOfThisRuntime(powerPreference);
  const adapter = await gpu.requestAdapter({ powerPreference }).catch((error: unknown) => {
    throw noAdapter(` (${messageOf(error)})`, error);
  });
  if (!adapter) throw noAdapter('');
  return { adapter, found: describeAdapter(adapter) };
}

function noAdapter(why: string, cause?: unknown): MissingGpuError {
  const advice =
    runtimeName() === 'browser'
      ? 'turn on hardware acceleration in the browser, update the driver of your GPU'
      : driverAdvice();
  const what = `WebGPU is here, but it gives no GPU adapter${why}`;
  return new MissingGpuError('no-adapter', what, advice, { cause });
}

/** Older browsers have the flag on the adapter; not all set it for a rasterizer that they were started with. */
export function describeAdapter(adapter: globalThis.GPUAdapter): GpuAdapter {
  const { vendor, architecture, device, description } = adapter.info;
  const name = [description, device, `${vendor} ${architecture}`.trim()].find((part) => part) || 'unnamed';
  const { isFallbackAdapter } = adapter.info as { isFallbackAdapter?: boolean };
  const fallback = isFallbackAdapter ?? (adapter as { isFallbackAdapter?: boolean }).isFallbackAdapter;
  return { name, software: fallback === true || isSoftwareName(adapter.info) };
}

/** Whether a device's adapter is software; false where the runtime does not say what a device is of. */
export function isSoftware({ adapterInfo }: { readonly adapterInfo?: GPUAdapterInfo }): boolean {
  if (!adapterInfo) return false;
  return (
    (adapterInfo as { isFallbackAdapter?: boolean }).isFallbackAdapter === true || isSoftwareName(adapterInfo)
  );
}

function isSoftwareName({ vendor, architecture, device, description }: GPUAdapterInfo): boolean {
  const words = `${vendor} ${architecture} ${device} ${description}`;
  return /swiftshader|llvmpipe|lavapipe|softpipe|software|basic render/i.test(words);
}

/** The adapter a session would get, or why there is none. Never throws: no GPU is an answer. */
export async function findGpuAdapter(): Promise<GpuFinding> {
  return findOrExplain(async () => (await requestAdapter()).found);
}

/** Turns an error of looking for an adapter into an answer. */
export async function findOrExplain<Adapter extends GpuAdapter>(
  find: () => Promise<Adapter>,
): Promise<GpuFinding<Adapter>> {
  try {
    return { adapter: await find(), missing: null };
  } catch (error) {
    const known = error instanceof MissingGpuError ? error : noAdapter(` (${messageOf(error)})`, error);
    return { adapter: null, missing: known.missing };
  }
}

/**
 * A device of the best adapter, with that adapter's real limits.
 * @throws MissingGpuError (backend-unavailable) — no WebGPU, no adapter or no device; the message says what to do
 */
export async function requestDevice(options: DeviceOptions = {}): Promise<GpuDevice> {
  expectOptions('requestDevice', options, OPTIONS);
  const { adapter, found } = await requestAdapter(options);
  const features = WANTED_FEATURES.filter((feature) => adapter.features.has(feature));
  const requiredLimits: Record<string, number> = {};
  for (const limit of WANTED_LIMITS) {
    const value = adapter.limits[limit];
    if (value !== undefined) requiredLimits[limit] = value;
  }
  try {
    const device = await adapter.requestDevice({ requiredFeatures: features, requiredLimits });
    return { ...found, device, features };
  } catch (error) {
    const what = `the GPU adapter ${found.name} gives no device (${messageOf(error)})`;
    throw new MissingGpuError('no-device', what, 'close what else uses the GPU', { cause: error });
  }
}
