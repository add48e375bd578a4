/** `moco-web assets`: what a page needs beside a bundle that took nothing along. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { mocoWeb } from './run-command.ts';

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'moco-web-assets-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

it('copies all worker scripts and .wasm files of dist/ with their licenses, or leaves the large one out', async () => {
  const dist = new URL('../../dist/', import.meta.url);
  const wanted = (await readdir(dist))
    .filter((name) => /-worker\.js$|\.wasm$|^THIRD-PARTY/.test(name))
    .sort();
  const [all, small] = [await folder(), await folder()];
  const { code, stdout } = await mocoWeb(['assets', join(all, 'a/b')]);
  expect(code).toBe(0);
  expect(stdout).toContain(`${join(all, 'a/b')}: ${wanted.length} files, `);
  expect(stdout).toContain('setAssetPaths');
  expect((await readdir(join(all, 'a/b'))).sort()).toEqual(wanted);
  expect(await readFile(join(all, 'a/b/kernels.wasm'))).toEqual(
    await readFile(new URL('kernels.wasm', dist)),
  );
  expect((await mocoWeb(['assets', small, '--no-webgpu'])).code).toBe(0);
  expect((await readdir(small)).sort()).toEqual(wanted.filter((name) => !name.includes('asyncify')));
});

it('says in one line where it cannot write', async () => {
  const file = join(await folder(), 'file');
  await writeFile(file, '');
  const { code, stderr } = await mocoWeb(['assets', join(file, 'folder')]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: cannot copy to .*folder: .*\n?$/);
});
