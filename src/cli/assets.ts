import { copyFile, mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { MocoError, messageOf } from '../errors.ts';
import { assetUrl } from '../runtime/assets.ts';
import type { Terminal } from './terminal.ts';

/** onnxruntime-web's build with the WebGPU provider: two thirds of all bytes. */
const WEBGPU_BUILD = 'ort-wasm-simd-threaded.asyncify.wasm';
const NOTICES = 'THIRD-PARTY-NOTICES.txt';

export function registerAssets(program: Command, terminal: Terminal): void {
  program
    .command('assets')
    .description(
      'copy the worker scripts and .wasm files for a page whose bundler takes none along (esbuild, Rollup)',
    )
    .argument('<dir>', 'beside the bundle; elsewhere, the page says where: setAssetPaths(url)')
    .option('--no-webgpu', `leave out ${WEBGPU_BUILD} (27 MB): the page trains on WebAssembly alone`)
    .action((dir: string, { webgpu }: { webgpu: boolean }) => copyAssets(dir, webgpu, terminal));
}

async function copyAssets(dir: string, webgpu: boolean, terminal: Terminal): Promise<void> {
  const from = dirname(fileURLToPath(assetUrl('kernels.wasm')));
  const isWanted = (name: string) =>
    name === NOTICES ||
    name.endsWith('-worker.js') ||
    (name.endsWith('.wasm') && (webgpu || name !== WEBGPU_BUILD));
  const names = (await readdir(from)).filter(isWanted).sort();
  let bytes = 0;
  try {
    await mkdir(dir, { recursive: true });
    for (const name of names) {
      await copyFile(join(from, name), join(dir, name));
      bytes += (await stat(join(from, name))).size;
    }
  } catch (cause) {
    throw new MocoError('write-failed', `cannot copy to ${dir}: ${messageOf(cause)}`, { cause });
  }
  terminal.out(`${dir}: ${names.length} files, ${(bytes / 1e6).toFixed(1)} MB`);
  terminal.out(names.map((name) => `  ${name}`).join('\n'));
  terminal.out(
    "They are found where the bundle lies in the same folder; else: import { setAssetPaths } from 'moco-web'; setAssetPaths(address of this folder)",
  );
}
