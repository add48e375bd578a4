import { defineConfig } from 'vitest/config';
import { wgslAsText } from './scripts/wgsl-as-text.ts';

const common = {
  env: { MOCO_TEST_BACKEND: 'webgpu' },
  testTimeout: 120_000,
  hookTimeout: 120_000,
  fileParallelism: false,
};
/** Listens to what onnxruntime-web writes from its start on: in a process where nobody has started it. */
const PLACEMENT = 'test/gpu/placement.test.ts';

/** What runs on either backend, on WebGPU. Files share one process, and so one device and one compilation of the shaders. */
export default defineConfig({
  test: {
    projects: [
      { plugins: [wgslAsText], test: { ...common, name: 'placement', include: [PLACEMENT] } },
      {
        plugins: [wgslAsText],
        test: {
          ...common,
          name: 'webgpu',
          include: [
            'test/gpu/**/*.test.ts',
            'test/conformance/**/*.test.ts',
            'test/autodiff/{batch-norm,conv,golden,lower,operators,pointwise,pointwise-conventions}.test.ts',
            'test/autodiff/{provider-bugs,providers,pytorch-encoders,structure}.test.ts',
            'test/kernels/{elementwise,golden,gradient,infonce,l2norm,lists,queue,rows,summary,topk}.test.ts',
            'test/train/{golden,running-statistics}.test.ts',
          ],
          exclude: [PLACEMENT],
          isolate: false,
        },
      },
    ],
  },
});
