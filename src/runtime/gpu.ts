/** Finds out whether there is a GPU adapter here: `navigator.gpu`, or in Node the optional package `webgpu` (Dawn). */

export interface GpuAdapter {
  /** What the adapter calls itself. */
  name: string;
  /** True for llvmpipe, SwiftShader and the like: right for tests, too slow for training. */
  software: boolean;
}

/** The optional package; a variable, so that neither the bundler nor the type checker looks for it. */
const DAWN = 'webgpu';

async function gpuOfThisRuntime(): Promise<GPU | null> {
  const { navigator } = globalThis as { navigator?: { gpu?: GPU } };
  if (navigator?.gpu) return navigator.gpu;
  try {
    const dawn = (await import(DAWN)) as { create(flags: string[]): GPU };
    return dawn.create([]);
  } catch {
    return null;
  }
}

/** The adapter a session would get; null when there is none. Never throws: no GPU is an answer. */
export async function findGpuAdapter(): Promise<GpuAdapter | null> {
  try {
    const gpu = await gpuOfThisRuntime();
    const adapter = await gpu?.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) return null;
    const { vendor, architecture, device, description } = adapter.info;
    const name = [description, device, architecture, vendor].find((part) => part) ?? 'unnamed adapter';
    const fallback = (adapter as { isFallbackAdapter?: boolean }).isFallbackAdapter === true;
    const software =
      fallback ||
      /swiftshader|llvmpipe|lavapipe|software|basic render/i.test(`${name} ${vendor} ${architecture}`);
    return { name, software };
  } catch {
    return null;
  }
}
