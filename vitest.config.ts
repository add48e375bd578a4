import { defineConfig } from 'vitest/config';
import { wgslAsText } from './scripts/wgsl-as-text.ts';

export default defineConfig({
  plugins: [wgslAsText],
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/slow/**', 'test/gpu/**', 'test/runtimes/**', 'test/mutation/**', 'test/faults/**'],
    testTimeout: 60_000,
    // Hooks start workers and train, too.
    hookTimeout: 60_000,
    // Two files at a time: encoder tests start workers of their own.
    maxWorkers: 2,
  },
});
