/** Devices of the tests' own, unlike the one that a session gets. */
import { create } from 'webgpu';

/** Held for good: Dawn crashes when it is collected while devices live. */
const held: unknown[] = [];

/** A device with nothing asked for, of an adapter with options, of a Dawn with toggles. The caller destroys it. */
export async function plainDevice(
  options: GPURequestAdapterOptions = {},
  toggles: readonly string[] = [],
): Promise<GPUDevice> {
  const gpu = create(toggles.length > 0 ? [`enable-dawn-features=${toggles.join(',')}`] : []);
  held.push(gpu);
  const adapter = await gpu.requestAdapter(options);
  if (!adapter) throw new Error(`no adapter for ${JSON.stringify(options)}, ${toggles}`);
  return adapter.requestDevice();
}
