/** Which backend a suite computes on: `npm test` wasm, `npm run test:native` native code, `npm run test:gpu` WebGPU. */
import type { Backend } from '../src/runtime/backend.ts';
import { loadNative } from '../src/runtime/native.ts';

export const TEST_BACKEND = (process.env.MOCO_TEST_BACKEND ?? 'wasm') as Backend;

/** Where encoders run on workers, for suites that are not about GPUs. */
export const WORKERS_ON = TEST_BACKEND === 'native' ? 'native' : 'wasm';

// Every file of that suite fails at once where it cannot be had, with how to get it: none may pass on something else.
if (TEST_BACKEND === 'native') await loadNative();
