import { defineConfig } from 'vitest/config';
import { wgslAsText } from './scripts/wgsl-as-text.ts';

export default defineConfig({
  plugins: [wgslAsText],
  test: { include: ['test/slow/**/*.test.ts'], testTimeout: 600_000, fileParallelism: false },
});
