import { defineConfig } from 'vitest/config';
import { wgslAsText } from './scripts/wgsl-as-text.ts';

/** Can the conformance suite fail? Each mutant of a kernel is compiled and has to be caught. */
export default defineConfig({
  plugins: [wgslAsText],
  test: {
    include: ['test/mutation/**/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // WGSL and wasm side by side. Processes of their own: Dawn and asc each keep a lot.
    pool: 'forks',
    maxWorkers: 2,
  },
});
