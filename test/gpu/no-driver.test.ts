import { spawn } from 'node:child_process';
import { symlink } from 'node:fs/promises';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../checkpoint/example.ts';

/** Asks for a device in a process of its own, and tells how that ended. */
const SCRIPT = `
import { requestDevice } from './src/runtime/gpu.ts';
try {
  await requestDevice();
  console.log('{}');
} catch ({ code, missing, message }) {
  console.log(JSON.stringify({ code, problem: missing?.problem, message }));
}`;

async function requestElsewhere(packages: boolean, variables: Record<string, string>): Promise<object> {
  const folder = await temporaryFolder();
  const outfile = `${folder}/script.mjs`;
  const stdin = { contents: SCRIPT, resolveDir: '.', loader: 'ts' as const };
  await build({ stdin, bundle: true, format: 'esm', platform: 'node', external: ['webgpu'], outfile });
  if (packages) await symlink(`${process.cwd()}/node_modules`, `${folder}/node_modules`);
  const env = { ...process.env, NODE_PATH: '', ...variables };
  const child = spawn(process.execPath, [outfile], { env, timeout: 20_000 });
  let output = '';
  child.stdout.on('data', (data: Buffer) => {
    output += data;
  });
  let errors = '';
  child.stderr.on('data', (data: Buffer) => {
    errors += data;
  });
  await new Promise((resolve) => child.on('close', resolve));
  expect(errors).toBe('');
  return JSON.parse(output) as object;
}

it('no package webgpu', async () => {
  expect(await requestElsewhere(false, {})).toMatchObject({
    code: 'backend-unavailable',
    problem: 'no-package',
    message: expect.stringContaining('npm install webgpu'),
  });
});

it.runIf(process.platform === 'linux')('no Vulkan driver', async () => {
  const variables = { VK_ICD_FILENAMES: '/no/such/driver.json', VK_DRIVER_FILES: '' };
  expect(await requestElsewhere(true, variables)).toMatchObject({
    code: 'backend-unavailable',
    problem: 'no-driver',
    message: expect.stringContaining('VK_ICD_FILENAMES=/no/such/driver.json'),
  });
});
