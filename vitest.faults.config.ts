import { defineConfig } from 'vitest/config';
import { wgslAsText } from './scripts/wgsl-as-text.ts';
import FaultTable from './test/faults/table.ts';

/** What breaks is put right, or said: faults in real workers of real runs. Ends with a table of them. */
export default defineConfig({
  plugins: [wgslAsText],
  test: {
    include: ['test/faults/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    fileParallelism: false,
    // Tests replace what node:worker_threads exports.
    pool: 'forks',
    reporters: ['default', new FaultTable()],
  },
});
