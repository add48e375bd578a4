import { defineConfig } from 'vitest/config';
import { wgslAsText } from './scripts/wgsl-as-text.ts';

export default defineConfig({
  plugins: [wgslAsText],
  test: {
    include: ['test/slow/**/*.test.ts'],
    testTimeout: 600_000,
    // Hooks pack and install the package.
    hookTimeout: 120_000,
    fileParallelism: false,
    // Processes of their own, whose memory is theirs alone; gc() before it is measured, and a small young generation, so
    // that the slack of V8 (in workers too, where nobody calls gc) does not hide what is measured.
    pool: 'forks',
    execArgv: ['--expose-gc', '--max-semi-space-size=1'],
  },
});
