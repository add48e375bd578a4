/** examples/search.mjs, as a reader would run it. */
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { FILES, PHOTOS, photosRun } from './photos-run.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/search.mjs', import.meta.url));

it('finds a photo of the folder, and what is like it', async () => {
  const run = await photosRun();
  onTestFinished(() => rm(run, { recursive: true }));
  const query = FILES.at(-1)!;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [EXAMPLE, run, PHOTOS, query]);
  expect(stderr).toBe('');
  const lines = stdout.trimEnd().split('\n');
  expect(lines).toHaveLength(5);
  expect(lines[0]).toBe(`1.000 ${relative(PHOTOS, query)}`);
});
