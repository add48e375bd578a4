/** The GPU of this runtime: `navigator.gpu`, or in Node the optional package `webgpu` (Dawn). */
import { MocoError, messageOf } from '../errors.ts';
import { isNode } from './detect.ts';
import { nodeModule } from './node.ts';
import { probeDawn } from './probe-dawn.ts';

export interface GpuAdapter {
  /** What the adapter calls itself. */
  name: string;
  /** True for llvmpipe, SwiftShader and the like: right for tests, too slow for training. */
  software: boolean;
}

export interface GpuDevice extends GpuAdapter {
  /** The caller destroys it. */
  device: GPUDevice;
  /** Those of WANTED_FEATURES that the device has. */
  features: readonly GPUFeatureName[];
}

export interface DeviceOptions {
  powerPreference?: GPUPowerPreference;
}

/** Taken where the adapter has them. */
const WANTED_FEATURES = ['shader-f16', 'timestamp-query', 'subgroups'] as const;

/**
 * Asked for as the adapter has them: the defaults (128 MiB a binding) are less than the first activation of a ResNet-50.
 * Those of textures and vertices are left at their defaults.
 */
const WANTED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxUniformBufferBindingSize',
  'maxBindingsPerBindGroup',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
] as const;

interface Dawn {
  create(options: string[]): GPU;
  globals: Record<string, unknown> & { GPUQueue: { prototype: GPUQueue } };
}

/** The optional package; a variable, so that the bundler does not look for it. */
const DAWN = 'webgpu';
const NO_DAWN =
  'Node has no WebGPU of its own: install the optional package with `npm install webgpu` (Dawn), or use --backend wasm';
const NO_ADAPTER =
  'WebGPU is here, but no GPU adapter: install a driver (Vulkan on Linux; VK_ICD_FILENAMES may name one), or use --backend wasm';
const NOTHING_FOUND = {
  'no adapter': NO_ADAPTER,
  crashed: 'WebGPU is here, but a GPU driver crashed or hung: update the driver, or use --backend wasm',
};
/** Held for good: Dawn crashes when it is collected while devices live. */
let dawnGpu: GPU | null = null;

/** @throws MocoError backend-unavailable, which says what to install */
async function gpuOfThisRuntime(): Promise<GPU> {
  const { navigator } = globalThis as { navigator?: { gpu?: GPU } };
  if (navigator?.gpu) return navigator.gpu;
  if (isNode()) return startDawn();
  throw new MocoError(
    'backend-unavailable',
    'this runtime has no WebGPU (navigator.gpu): run Deno with --unstable-webgpu, use a browser with WebGPU on a page served by https or localhost, or use --backend wasm',
  );
}

/** Dawn's objects become global, and `navigator.gpu` too: onnxruntime-web looks for them there. */
async function startDawn(): Promise<GPU> {
  if (dawnGpu) return dawnGpu;
  let dawn: Dawn;
  try {
    const { createRequire } = await nodeModule('module');
    const { pathToFileURL } = await nodeModule('url');
    const url = pathToFileURL(createRequire(import.meta.url).resolve(DAWN)).href;
    const probe = await probeDawn(url);
    if (probe !== 'adapter') throw new MocoError('backend-unavailable', NOTHING_FOUND[probe]);
    dawn = (await import(/* webpackIgnore: true */ /* @vite-ignore */ url)) as Dawn;
  } catch (error) {
    if (error instanceof MocoError) throw error;
    const absent = (error as { code?: unknown }).code === 'MODULE_NOT_FOUND';
    throw new MocoError(
      'backend-unavailable',
      absent ? NO_DAWN : `the package webgpu does not start here (${messageOf(error)}): use --backend wasm`,
      { cause: error },
    );
  }
  Object.assign(globalThis, dawn.globals);
  copySharedViews(dawn.globals.GPUQueue.prototype);
  dawnGpu = dawn.create([]);
  const holder = globalThis as { navigator?: object };
  if (!holder.navigator) {
    Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true, writable: true });
  }
  Object.defineProperty(holder.navigator, 'gpu', { value: dawnGpu, configurable: true });
  return dawnGpu;
}

/**
 * Dawn for Node crashes the process where `writeBuffer` is given a view on a SharedArrayBuffer, which is what
 * onnxruntime-web's heap is: such data is copied first.
 */
function copySharedViews(queue: GPUQueue): void {
  const write = queue.writeBuffer;
  queue.writeBuffer = function writeBuffer(this: GPUQueue, buffer, bufferOffset, data, dataOffset, size) {
    const backing = ArrayBuffer.isView(data) ? data.buffer : data;
    if (!(backing instanceof SharedArrayBuffer)) {
      write.call(this, buffer, bufferOffset, data as GPUAllowSharedBufferSource, dataOffset, size);
      return;
    }
    // Offsets and sizes count elements of a typed array, bytes of anything else.
    const unit = (ArrayBuffer.isView(data) && (data as Partial<Uint8Array>).BYTES_PER_ELEMENT) || 1;
    const base = ArrayBuffer.isView(data) ? data.byteOffset : 0;
    const start = (dataOffset ?? 0) * unit;
    const length = size === undefined ? data.byteLength - start : size * unit;
    write.call(this, buffer, bufferOffset, new Uint8Array(backing, base + start, length).slice());
  };
}

/** @throws MocoError backend-unavailable */
async function requestAdapter(
  options: DeviceOptions,
): Promise<{ adapter: globalThis.GPUAdapter; found: GpuAdapter }> {
  const gpu = await gpuOfThisRuntime();
  const adapter = await gpu.requestAdapter({
    powerPreference: options.powerPreference ?? 'high-performance',
  });
  if (!adapter) {
    throw new MocoError('backend-unavailable', NO_ADAPTER);
  }
  const { vendor, architecture, device, description } = adapter.info;
  const name = [description, device, architecture, vendor].find((part) => part) ?? 'unnamed adapter';
  const fallback =
    (adapter.info as { isFallbackAdapter?: boolean }).isFallbackAdapter === true ||
    (adapter as { isFallbackAdapter?: boolean }).isFallbackAdapter === true;
  const software =
    fallback ||
    /swiftshader|llvmpipe|lavapipe|software|basic render/i.test(`${name} ${vendor} ${architecture}`);
  return { adapter, found: { name, software } };
}

/** The adapter a session would get; null when there is none. Never throws: no GPU is an answer. */
export async function findGpuAdapter(): Promise<GpuAdapter | null> {
  try {
    return (await requestAdapter({})).found;
  } catch {
    return null;
  }
}

/**
 * A device of the best adapter, with that adapter's real limits.
 * @throws MocoError backend-unavailable — no WebGPU, no adapter or no device; the message says what to do
 */
export async function requestDevice(options: DeviceOptions = {}): Promise<GpuDevice> {
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
    throw new MocoError(
      'backend-unavailable',
      `the GPU adapter ${found.name} gives no device (${messageOf(error)}): use --backend wasm`,
      { cause: error },
    );
  }
}
