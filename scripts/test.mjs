#!/usr/bin/env node
// `npm test`: installs and builds what is missing, then runs vitest with all that follows: `npm test -- test/random.test.ts`.
import { getReady, run } from './ready.mjs';

await getReady({ tests: true });
process.exitCode = await run(process.execPath, [
  'node_modules/vitest/vitest.mjs',
  'run',
  ...process.argv.slice(2),
]);
