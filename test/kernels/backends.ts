import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Accuracy, WASM, WEBGPU } from '../../src/conformance/accuracy.ts';
import { messageOf } from '../../src/errors.ts';
import type { BackendKernels } from '../../src/kernels/open.ts';
import { createWasmKernels } from '../../src/kernels/wasm/wasm-kernels.ts';
import { createWebGpuKernels, type WebGpuKernels } from '../../src/kernels/webgpu/webgpu-kernels.ts';
import { type GpuDevice, requestDevice } from '../../src/runtime/gpu.ts';
import { TEST_BACKEND } from '../backend.ts';

export interface Backend<K extends BackendKernels = BackendKernels> {
  readonly kernels: K;
  readonly accuracy: Accuracy;
  /** Divides the number of random examples: software GPUs are slow. */
  readonly fewer: number;
}

/** `npm run test:gpu` sets it: compiling shaders for a software GPU takes longer than all of `npm test`. */
const ON_GPU = TEST_BACKEND === 'webgpu';
const SCOPES = ['validation', 'out-of-memory', 'internal'] as const;

const wasm = ON_GPU ? null : await createWasmKernels();
let gpu: GpuDevice | null = null;
let webgpu: WebGpuKernels | null = null;
let missing = '';
if (ON_GPU) {
  try {
    gpu = await requestDevice();
  } catch (error) {
    missing = messageOf(error);
    console.warn(`NOT RUN on WebGPU: ${missing}`);
  }
}
if (gpu) webgpu = await createWebGpuKernels(gpu.device);

/** Runs a suite on wasm (npm test), with sessions on native code (npm run test:native) or on WebGPU (npm run test:gpu). */
export function onEveryBackend(suite: (backend: Backend) => void): void {
  if (wasm) describe(TEST_BACKEND, () => suite({ kernels: wasm, accuracy: WASM, fewer: 1 }));
  onWebGpu(suite);
}

/**
 * Runs a suite on WebGPU, in `npm run test:gpu`, each test inside error scopes. Without an adapter it says NOT RUN, and with
 * MOCO_REQUIRE_GPU=1 it fails.
 * @throws Error where the name of the test's file keeps it from `npm run test:gpu`
 */
export function onWebGpu(suite: (backend: Backend<WebGpuKernels>, gpu: GpuDevice) => void): void {
  if (!ON_GPU) {
    const { testPath } = expect.getState();
    if (testPath?.endsWith('.backends.test.ts')) return;
    throw new Error(`npm run test:gpu does not find ${testPath}: name it *.backends.test.ts`);
  }
  describe('webgpu', () => {
    if (gpu && webgpu) {
      failOnErrorsOf(gpu.device);
      suite({ kernels: webgpu, accuracy: WEBGPU, fewer: 5 }, gpu);
    } else if (process.env.MOCO_REQUIRE_GPU === '1') {
      it('has an adapter', () => {
        throw new Error(`MOCO_REQUIRE_GPU=1, but there is none: ${missing}`);
      });
    } else {
      it.skip(`NOT RUN: ${missing}`, () => {});
    }
  });
}

function failOnErrorsOf(device: GPUDevice): void {
  beforeEach(() => {
    for (const scope of SCOPES) device.pushErrorScope(scope);
  });
  afterEach(async () => {
    const errors = await Promise.all(SCOPES.map(() => device.popErrorScope()));
    for (const error of errors) if (error) throw new Error(`WebGPU reported: ${error.message}`);
  });
}
