import { defineConfig } from 'vitest/config';
import { wgslAsText } from './scripts/wgsl-as-text.ts';
import FaultTable from './test/faults/table.ts';

const common = {
  testTimeout: 120_000,
  hookTimeout: 60_000,
  // One waits for a minute, until a worker that hangs is taken for hung.
  maxWorkers: 2,
  // Tests replace what node:worker_threads exports.
  pool: 'forks',
} as const;
const GPU = 'test/faults/gpu.test.ts';

/** What breaks is put right, or said: real faults in real runs, some on a GPU. Ends with a table of them. */
export default defineConfig({
  test: {
    reporters: ['default', new FaultTable()],
    projects: [
      {
        plugins: [wgslAsText],
        test: { ...common, name: 'faults', include: ['test/faults/**/*.test.ts'], exclude: [GPU] },
      },
      {
        plugins: [wgslAsText],
        test: { ...common, name: 'gpu', include: [GPU], env: { MOCO_TEST_BACKEND: 'webgpu' } },
      },
    ],
  },
});
