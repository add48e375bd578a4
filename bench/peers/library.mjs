// The inside of the package, as one file: what is measured has no door to the outside.
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = new URL('../../', import.meta.url);
/** Below the root, where its packages are found. */
const FOLDER = fileURLToPath(new URL('dist/', import.meta.url));
/** The offline bundle has it made already: neither sources nor esbuild are there. */
const MADE = join(FOLDER, 'library.mjs');

const CONTENTS = `export { openSession } from './src/train/session.ts';
export { resolveConfig } from './src/train/configure.ts';
export { permutationsOf } from './src/train/permutations.ts';
export { networkOf } from './src/models/choose-network.ts';
export { forwardFlops } from './src/onnx/flops.ts';
export { buildNetwork } from './src/onnx/network.ts';
export { describeDrawn } from './src/data/dataset.ts';
export { chooseBackend } from './src/runtime/backend.ts';
export { describeVersions } from './src/runtime/environment.ts';
export { readSafetensors, writeSafetensors } from './src/formats/safetensors.ts';
export { Random, STREAMS } from './src/random.ts';`;

/** @returns {Promise<string>} the text of the module */
export async function bundleLibrary() {
  const { build } = await import('esbuild');
  const bundle = await build({
    stdin: { contents: CONTENTS, resolveDir: fileURLToPath(ROOT), loader: 'ts' },
    bundle: true,
    format: 'esm',
    target: 'es2022',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    packages: 'bundle',
    external: ['node:*', 'webgpu', 'onnxruntime-node'],
    loader: { '.wgsl': 'text' },
    // Workers and .wasm files lie beside the file that asks for them, it thinks.
    define: { 'import.meta.url': 'globalThis.mocoWebDist' },
    write: false,
    logLevel: 'error',
  });
  return bundle.outputFiles[0].text;
}

export async function loadLibrary() {
  globalThis.mocoWebDist = new URL('dist/index.js', ROOT).href;
  if (existsSync(MADE)) return import(pathToFileURL(MADE).href);
  await mkdir(FOLDER, { recursive: true });
  const file = join(FOLDER, `moco-web-${process.pid}.mjs`);
  await writeFile(file, await bundleLibrary());
  const loaded = await import(pathToFileURL(file).href);
  await rm(file);
  return loaded;
}
