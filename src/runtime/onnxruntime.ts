/** What onnxruntime-web has to be told of this runtime. */
import { assetUrl } from './assets.ts';
import { loadAsset } from './load-asset.ts';

/** For `env.wasm`: the module itself, or where to fetch it. */
export interface WasmSource {
  wasmBinary?: ArrayBuffer;
  wasmPaths?: { wasm: string };
}

const WRITTEN = {
  'ort-wasm-simd-threaded.wasm': () => new URL('./ort-wasm-simd-threaded.wasm', import.meta.url),
  'ort-wasm-simd-threaded.asyncify.wasm': () =>
    new URL('./ort-wasm-simd-threaded.asyncify.wasm', import.meta.url),
} as const;

/**
 * Gives the .wasm file of a build of onnxruntime-web.
 *
 * Its bundled builds are written for pages, and cannot read a `file:` address: there they get the bytes. With either, and
 * one thread, they look for no other file.
 */
export async function prepareOnnxruntime(wasmFile: keyof typeof WRITTEN): Promise<WasmSource> {
  const url = assetUrl(wasmFile, WRITTEN[wasmFile]);
  if (url.protocol !== 'file:') return { wasmPaths: { wasm: url.href } };
  return { wasmBinary: (await loadAsset(url)).buffer };
}
