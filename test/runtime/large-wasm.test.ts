import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import { withQuickCompilation } from '../../src/runtime/large-wasm.ts';
import { temporaryFolder } from '../checkpoint/example.ts';

/** Prints which modules V8 optimizes after 400,000 turns of a loop: between the two budgets. */
const SCRIPT = `
import { withQuickCompilation } from './large-wasm.mjs';
const compile = (name) => WebAssembly.instantiate(Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 1, 127, 0, 3, 2, 1, 0, 7, 5, 1, 1, name.charCodeAt(0), 0, 0,
  // while (--n);
  10, 16, 1, 14, 0, 3, 64, 32, 0, 65, 1, 107, 34, 0, 13, 0, 11, 11));
const run = async (name, module) => {
  const { instance } = await module;
  console.log('begin', name);
  instance.exports[name](400_000);
  await new Promise((resolve) => setTimeout(resolve, 500));
};
const inside = withQuickCompilation(() => compile('i'));
await run('i', inside);
await withQuickCompilation(() => Promise.reject(new Error('no'))).catch(() => {});
await run('a', compile('a'));
`;

it('gives what the task gives', async () => {
  expect(await withQuickCompilation(async () => 7)).toBe(7);
  await expect(withQuickCompilation(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
});

const isNode20 = process.versions.node.startsWith('20.');
it.runIf(isNode20)('spares a module compiled inside from early optimization, and only that one', async () => {
  const folder = await temporaryFolder();
  const source = ['src/runtime/large-wasm.ts'];
  await build({ entryPoints: source, bundle: true, format: 'esm', outfile: `${folder}/large-wasm.mjs` });
  await writeFile(`${folder}/script.mjs`, SCRIPT);
  const child = spawn(process.execPath, ['--trace-wasm-compilation-times', `${folder}/script.mjs`]);
  let output = '';
  child.stdout.on('data', (data: Buffer) => {
    output += data;
  });
  child.stderr.pipe(process.stderr);
  await new Promise((resolve) => child.on('close', resolve));
  const [, inside, after] = output.split(/begin [ia]\n/);
  expect(inside).not.toContain('TurboFan');
  expect(after).toContain('TurboFan');
});
