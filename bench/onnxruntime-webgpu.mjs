/** onnxruntime-web's build for WebGPU, its .wasm file from dist/. */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import * as ort from 'onnxruntime-web/webgpu';

// Node 20 would optimize its two largest functions for minutes, and could not end before (src/runtime/large-wasm.ts).
if (Number.parseInt(process.versions.node, 10) <= 20) setFlagsFromString('--wasm-tiering-budget=13000000');
const wasm = new URL('../dist/ort-wasm-simd-threaded.asyncify.wasm', import.meta.url);
Object.assign(ort.env.wasm, { wasmBinary: readFileSync(wasm).buffer, numThreads: 1 });
ort.env.logLevel = 'error';

export { ort };
