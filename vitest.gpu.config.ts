import { defineConfig } from 'vitest/config';
import { wgslAsText } from './scripts/wgsl-as-text.ts';

/** The kernel suites on WebGPU. Files share one process, and so one device and one compilation of the shaders. */
export default defineConfig({
  plugins: [wgslAsText],
  test: {
    include: [
      'test/gpu/**/*.test.ts',
      'test/conformance/**/*.test.ts',
      'test/kernels/{elementwise,golden,infonce,l2norm,lists,queue,rows,summary,topk}.test.ts',
    ],
    env: { MOCO_TEST_BACKEND: 'webgpu' },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    isolate: false,
  },
});
