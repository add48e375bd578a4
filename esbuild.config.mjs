// Builds dist/, which needs nothing beside it: the library and its types, the worker scripts, the command, the kernels as
// WebAssembly, and the WebAssembly of onnxruntime-web and of the image codecs.
import { readdirSync } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import asc from 'assemblyscript/asc';
import { build } from 'esbuild';
import { codecsAsTheyLie } from './scripts/build/codecs.mjs';
import { writeDeclarations } from './scripts/build/declarations.mjs';
import { ENTRIES } from './scripts/build/entries.mjs';
import { AUGMENT_OPTIONS, KERNEL_OPTIONS } from './scripts/build/kernels.mjs';
import { onnxruntimeAsPart } from './scripts/build/onnxruntime.mjs';
import { shaderTexts } from './scripts/build/shader-texts.mjs';
import { withEmptyMap, withoutForeignSourceMaps } from './scripts/build/source-maps.mjs';
import { textImports } from './scripts/build/text-imports.mjs';
import { writeThirdPartyNotices } from './scripts/build/third-party-notices.mjs';

// Takes the place of dist/ when all of it is there: a build that fails changes nothing, and never looks like a new one.
const OUT = 'dist-unfinished';
await rm(OUT, { recursive: true, force: true });
await mkdir(OUT);

// The binary files of what is bundled. runtime/assets.ts names them, too.
const BINARIES = [
  'onnxruntime-web/dist/ort-wasm-simd-threaded.wasm',
  // The WebGPU provider is in this one.
  'onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.wasm',
  '@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm',
  '@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm',
  '@jsquash/png/codec/pkg/squoosh_png_bg.wasm',
  '@jsquash/webp/codec/dec/webp_dec.wasm',
].map((path) => `node_modules/${path}`);
for (const path of BINARIES) {
  const copy = `${OUT}/${basename(path)}`;
  await copyFile(path, copy);
  await chmod(copy, 0o644);
}

for (const [source, file, options] of [
  ['wasm/index.ts', 'kernels.wasm', KERNEL_OPTIONS],
  ['wasm/augment/index.ts', 'augment.wasm', AUGMENT_OPTIONS],
]) {
  const { error, stderr } = await asc.main([source, '--outFile', `${OUT}/${file}`, ...options]);
  if (error) throw new Error(`${source} does not compile:\n${stderr.toString()}`);
}

// What the library uses at run time goes into dist/: a page needs no bundler and no import map (workers have none), and
// every runtime gets the same bits. Only what the command alone uses, and the optional peer, stay packages of their own.
const { dependencies, peerDependencies } = JSON.parse(await readFile('package.json', 'utf8'));
const texts = textImports();
const common = {
  outdir: OUT,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  external: ['node:*', ...Object.keys({ ...dependencies, ...peerDependencies })],
  // For whoever debugs a build here; the package is published without.
  sourcemap: 'external',
  plugins: [
    texts.plugin,
    shaderTexts,
    onnxruntimeAsPart(withEmptyMap),
    codecsAsTheyLie(withEmptyMap),
    withoutForeignSourceMaps,
  ],
  metafile: true,
  logLevel: 'warning',
};
const workers = readdirSync('src', { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('-worker.ts'))
  .map((file) => `src/${file}`);
const library = await build({
  ...common,
  entryPoints: { ...ENTRIES, cli: 'src/cli/cli.ts' },
  chunkNames: 'shared-[hash]',
  splitting: true,
});
// A worker script is one file: a bundler that meets it as the address of a worker can take it as it is. So is what is loaded by
// its address when it is needed. Without an import or export Vite would take a worker for CommonJS, and one that awaits at its top
// level does not fit the form that it gives workers.
const loaded = ['src/data/decode/rare/rare-formats.ts'];
const scripts = await build({
  ...common,
  entryPoints: [...workers, ...loaded],
  entryNames: '[name]',
  footer: { js: 'export {};' },
});
// esbuild leaves `import "./shared-….js"` of parts that something once imported: nothing happens in a part by being loaded
// (sideEffects in package.json says so), and a page would wait for it.
for (const file of Object.keys(library.metafile.outputs).filter((name) => name.endsWith('.js'))) {
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(/^import "\.\/shared-\w+\.js";$/gm, ''));
}
// npm makes the command executable when it installs the package; this is for a checkout.
await chmod(`${OUT}/cli.js`, 0o755);

const bundled = [library, scripts].flatMap(({ metafile }) => Object.keys(metafile.inputs));
// The runtime of AssemblyScript is in kernels.wasm and augment.wasm.
await writeThirdPartyNotices(OUT, [
  ...bundled,
  ...texts.files,
  ...BINARIES,
  'node_modules/assemblyscript/std',
]);

await writeDeclarations(OUT, ENTRIES);

await rm('dist', { recursive: true, force: true });
await rename(OUT, 'dist');
