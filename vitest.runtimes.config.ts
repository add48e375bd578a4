import { defineConfig } from 'vitest/config';

/** The built package in Node, Deno and Chromium. */
export default defineConfig({
  test: {
    include: ['test/runtimes/**/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
});
