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
    // Processes of their own, whose memory is theirs alone. gc() before it is measured reaches one thread; workers collect
    // by themselves, and without --gc-global what comes with messages and outlives two small collections stays until
    // the next whole one: the process grows by 0.1 MiB a step and shrinks by 12 MiB or more some hundred steps later.
    pool: 'forks',
    execArgv: ['--expose-gc', '--max-semi-space-size=1', '--gc-global'],
  },
});
