/** What onnxruntime-web has to be told of this runtime. */
import { assetUrl } from './assets.ts';
import { runtimeName } from './detect.ts';
import { loadAsset } from './load-asset.ts';

/** For `env.wasm`: the module itself, or where to fetch it. */
export interface WasmSource {
  wasmBinary?: ArrayBuffer;
  wasmPaths?: { wasm: string };
}

/**
 * To be called before onnxruntime-web is imported: gives the .wasm file of the build that will be.
 *
 * Its bundled builds are written for pages, and cannot read a `file:` address: there they get the bytes. With either, and
 * one thread, they look for no other file.
 */
export async function prepareOnnxruntime(wasmFile: string): Promise<WasmSource> {
  hideOpaqueOrigin();
  const url = assetUrl(wasmFile);
  if (url.protocol !== 'file:') return { wasmPaths: { wasm: url.href } };
  return { wasmBinary: (await loadAsset(url)).buffer };
}

/**
 * A Deno worker has a `location`, whose origin is the word 'null' for a file. onnxruntime-web builds an address on that
 * origin as it is loaded, and throws.
 */
function hideOpaqueOrigin(): void {
  const { location } = globalThis as { location?: { href: string; origin: string } };
  if (runtimeName() !== 'deno' || location?.origin !== 'null') return;
  Object.defineProperty(globalThis, 'location', { value: { href: location.href }, configurable: true });
}
