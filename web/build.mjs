// Builds web/dist/, the page as static files that work under any sub-path: web/src in pieces that are loaded when they are shown,
// and the package beside it as it is published. The package is built before (npm run build).
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const WEB = fileURLToPath(new URL('.', import.meta.url));
const PACKAGE = fileURLToPath(new URL('../dist', import.meta.url));
const OUT = `${WEB}dist`;

/** Not for pages: maps, types, the command. */
const isLeftOut = (name) => name.endsWith('.map') || name === 'types' || name === 'cli.js';

await rm(OUT, { recursive: true, force: true });
await mkdir(`${OUT}/moco-web`, { recursive: true });
for (const name of await readdir(PACKAGE)) {
  if (!isLeftOut(name)) await cp(`${PACKAGE}/${name}`, `${OUT}/moco-web/${name}`);
}
for (const page of ['index.html', 'bench.html']) await cp(`${WEB}${page}`, `${OUT}/${page}`);
await cp(`${WEB}starter.onnx`, `${OUT}/starter.onnx`);

/** Megabytes that a run loads, as files lie: scripts, and the WebAssembly of what computes. */
async function megabytes(wasm) {
  const names = (await readdir(`${OUT}/moco-web`)).filter(
    (name) => name === wasm || name === 'kernels.wasm' || name === 'augment.wasm' || name.endsWith('.js'),
  );
  const sizes = await Promise.all(names.map(async (name) => (await stat(`${OUT}/moco-web/${name}`)).size));
  return Math.ceil(sizes.reduce((sum, size) => sum + size, 0) / 1e6);
}
const downloads = {
  wasm: await megabytes('ort-wasm-simd-threaded.wasm'),
  webgpu: await megabytes('ort-wasm-simd-threaded.asyncify.wasm'),
};

const common = {
  bundle: true,
  minify: true,
  target: 'es2022',
  logLevel: 'warning',
  legalComments: 'linked',
};
// One style sheet; that of the tokens comes first.
const sheets = (await readdir(WEB)).filter((name) => name.endsWith('.css') && name !== 'style.css');
const contents = ['style.css', ...sheets].map((name) => `@import "./${name}";`).join('\n');
await build({ ...common, stdin: { contents, resolveDir: WEB, loader: 'css' }, outfile: `${OUT}/style.css` });
const SERVICE = 'service-worker.ts';
const workers = (await readdir(`${WEB}src`, { recursive: true }))
  .map(String)
  .filter((file) => file.endsWith('-worker.ts') && file !== SERVICE);
await build({
  ...common,
  entryPoints: [`${WEB}src/main.ts`, `${WEB}src/bench.ts`, ...workers.map((file) => `${WEB}src/${file}`)],
  outdir: OUT,
  entryNames: '[name]',
  chunkNames: 'part-[name]-[hash]',
  format: 'esm',
  splitting: true,
  define: { DOWNLOADS: JSON.stringify(downloads) },
  // Found at run time, beside the page.
  external: ['./moco-web/index.js'],
});

// Knows all others, by name and by content. What computes is kept when it is known which of them this machine takes.
const isKept = (file) =>
  file === 'bench.html' || (/\.(js|css|wasm|onnx)$/.test(file) && !file.includes('ort-wasm'));
const files = (await readdir(OUT, { recursive: true })).map(String).filter((file) => extname(file) !== '');
const digest = createHash('sha256');
for (const file of files.sort()) digest.update(file).update(await readFile(`${OUT}/${file}`));
await build({
  ...common,
  entryPoints: [`${WEB}src/${SERVICE}`],
  outdir: OUT,
  format: 'iife',
  define: {
    FILES: JSON.stringify(files.filter(isKept)),
    VERSION: JSON.stringify(digest.digest('hex').slice(0, 16)),
  },
});
