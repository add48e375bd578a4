import { defineConfig } from 'vitest/config';
import { wgslAsText } from './scripts/wgsl-as-text.ts';

/** Long runs that are disturbed again and again: `npm run test:soak`. */
export default defineConfig({
  plugins: [wgslAsText],
  test: { include: ['test/soak/**/*.test.ts'], testTimeout: 900_000, hookTimeout: 900_000 },
});
