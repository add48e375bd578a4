/** All that `doctor` says of the GPU, as data; for pages as well. */
import { runtimeName } from './detect.ts';
import {
  describeAdapter,
  findOrExplain,
  type GpuAdapter,
  type GpuFinding,
  requestAdapter,
  WANTED_FEATURES,
  WANTED_LIMITS,
} from './gpu.ts';

export type LimitName = (typeof WANTED_LIMITS)[number];
export type FeatureName = (typeof WANTED_FEATURES)[number];

export interface AdapterReport extends GpuAdapter {
  /** Names by which WebGPU calls it; Deno gives PCI numbers, browsers leave some empty. */
  vendor: string;
  architecture: string;
  device: string;
  description: string;
  /** Those that matter here. */
  limits: Partial<Record<LimitName, number>>;
  /** Of the features that we use where they are. */
  wanted: Record<FeatureName, boolean>;
  /** All of them. */
  features: string[];
  /** The most images of a group of ResNet-50 at 224 px, by the largest buffer that the adapter gives. */
  resnet50Group: number;
}

/** What a page may lack; null outside pages. */
export interface PageReport {
  /** https or localhost: others get no WebGPU. */
  secure: boolean;
  /** By its headers: others get no SharedArrayBuffer. */
  crossOriginIsolated: boolean;
}

export type GpuReport = GpuFinding<AdapterReport> & { page: PageReport | null };

/**
 * Bytes an image of the largest array of a ResNet-50 step at 224 px, as `autodiff/conv.ts` writes it for WebGPU: the im2col
 * of the first convolution, 7·7·3 values for each of 112·112 pixels. The largest activations have 64·112·112.
 */
export const RESNET50_BYTES = 7 * 7 * 3 * 112 * 112 * 4;

/** Never throws: no GPU is an answer. */
export async function describeGpu(): Promise<GpuReport> {
  const finding = await findOrExplain(async () => reportOf((await requestAdapter()).adapter));
  return { ...finding, page: describePage() };
}

export function reportOf(adapter: globalThis.GPUAdapter): AdapterReport {
  const { vendor, architecture, device, description } = adapter.info;
  const limits: Partial<Record<LimitName, number>> = {};
  for (const name of WANTED_LIMITS) {
    const value = adapter.limits[name];
    if (value !== undefined) limits[name] = value;
  }
  const has = (feature: FeatureName): [FeatureName, boolean] => [feature, adapter.features.has(feature)];
  const buffer = Math.min(adapter.limits.maxBufferSize, adapter.limits.maxStorageBufferBindingSize);
  return {
    ...describeAdapter(adapter),
    vendor,
    architecture,
    device,
    description,
    limits,
    wanted: Object.fromEntries(WANTED_FEATURES.map(has)) as Record<FeatureName, boolean>,
    features: [...adapter.features].sort(),
    resnet50Group: Math.floor(buffer / RESNET50_BYTES),
  };
}

function describePage(): PageReport | null {
  if (runtimeName() !== 'browser') return null;
  const { isSecureContext, crossOriginIsolated } = globalThis as {
    isSecureContext?: boolean;
    crossOriginIsolated?: boolean;
  };
  return { secure: isSecureContext === true, crossOriginIsolated: crossOriginIsolated === true };
}
