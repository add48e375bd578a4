import { defineConfig } from 'vitest/config';
import { wgslAsText } from './scripts/wgsl-as-text.ts';

export default defineConfig({
  plugins: [wgslAsText],
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['slow', 'gpu', 'runtimes', 'mutation', 'soak', 'faults'].map((suite) => `test/${suite}/**`),
    testTimeout: 60_000,
    // Hooks start workers and train, too.
    hookTimeout: 60_000,
    // Two files at a time: encoder tests start workers of their own.
    maxWorkers: 2,
  },
});
