/** The part of the guide that needs a GPU: a shader of the reader's in the reader's own test runner. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { blocksOf, readersFolder, runBlock } from '../guides/guide.ts';

it('a right shader passes, and a wrong one fails with place and values', async () => {
  const folder = await readersFolder();
  onTestFinished(() => rm(folder, { recursive: true }));
  const [block, ...others] = (await blocksOf('test-your-gpu')).filter(({ kind }) => kind === 'js gpu');
  expect(others).toEqual([]);
  expect(await runBlock(folder, block!)).toMatch(/pass 1/);
  const file = join(folder, 'ema.wgsl');
  const right = await readFile(file, 'utf8');
  const wrong = right.replace('params.a *', '1.0001 * params.a *');
  expect(wrong).not.toBe(right);
  await writeFile(file, wrong);
  await expect(runBlock(folder, block!)).rejects.toMatchObject({
    stdout: expect.stringMatching(/FAIL {2}ema\/[\s\S]*expected .*, actual /),
  });
}, 600_000);
