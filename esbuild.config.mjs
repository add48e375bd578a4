// Builds dist/: the library and its types, the worker scripts, the command, and the kernels as WebAssembly.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import asc from 'assemblyscript/asc';
import { build } from 'esbuild';

await rm('dist', { recursive: true, force: true });
await mkdir('dist', { recursive: true });

// One module of kernels. Its memory is shared, so that workers can read weights without a copy where the page allows
// it; 65536 pages are the 4 GiB that WebAssembly can address. No relaxed SIMD: results must not depend on the machine.
if (existsSync('wasm/index.ts')) {
  const { error, stderr } = await asc.main([
    'wasm/index.ts',
    '--outFile',
    'dist/kernels.wasm',
    '-O3',
    '--noAssert',
    '--runtime',
    'stub',
    '--enable',
    'simd',
    '--enable',
    'threads',
    '--importMemory',
    '--sharedMemory',
    '--maximumMemory',
    '65536',
    '--initialMemory',
    '16',
  ]);
  if (error) throw new Error(`the kernels do not compile:\n${stderr.toString()}`);
}

const workers = readdirSync('src', { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('-worker.ts'))
  .map((file) => `src/${file}`);
const entryPoints = Object.fromEntries(
  ['src/index.ts', 'src/cli/cli.ts', ...workers]
    .filter((file) => existsSync(file))
    .map((file) => [file.split('/').pop().replace(/\.ts$/, ''), file]),
);
await build({
  entryPoints,
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  packages: 'external',
  external: ['node:*'],
  sourcemap: true,
  loader: { '.wgsl': 'text' },
  logLevel: 'warning',
});
// npm makes the command executable when it installs the package; this is for a checkout.
if (existsSync('dist/cli.js')) await chmod('dist/cli.js', 0o755);

// Types of the library. They import each other under the names that the sources have; older compilers want those of the
// files that will be there.
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '--project', 'tsconfig.types.json'], {
  stdio: 'inherit',
});
await rename('dist/declarations/src', 'dist/types');
await rm('dist/declarations', { recursive: true });
for (const name of await readdir('dist/types', { recursive: true })) {
  if (!name.endsWith('.d.ts')) continue;
  const file = `dist/types/${name}`;
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(/((?:from|import\() ?'\.[^']*)\.ts'/g, "$1.js'"));
}
