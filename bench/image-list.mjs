// What a long list of image files costs: packing it, and starting two data workers on it. docs/performance.md holds figures.
// `npm run build && node --expose-gc bench/image-list.mjs [images] [--unshared]` (a page that is not isolated: no shared memory)
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const images = Number(process.argv.find((argument) => /^\d+$/.test(argument)) ?? 1_000_000);
if (process.argv.includes('--unshared')) globalThis.crossOriginIsolated = false;

const folder = await mkdtemp(join(tmpdir(), 'moco-web-bench-'));
await build({
  stdin: {
    contents: `export { ViewPool } from './src/scheduler/view-pool.ts';
export { packIntegers, packStrings } from './src/data/shared.ts';`,
    resolveDir: ROOT,
    loader: 'ts',
  },
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  external: ['node:*'],
  outfile: join(folder, 'pool.mjs'),
});
await copyFile(join(ROOT, 'dist/data-worker.js'), join(folder, 'data-worker.js'));
const { ViewPool, packIntegers, packStrings } = await import(pathToFileURL(join(folder, 'pool.mjs')).href);

// Named like ImageNet's.
let names = Array.from({ length: images }, (_, i) => {
  const name = `n${String(1_440_000 + 37 * Math.floor(i / 1000)).padStart(8, '0')}`;
  return `${name}/${name}_${i}.JPEG`;
});
let begun = performance.now();
const spec = {
  kind: 'imagefolder',
  root: '/nowhere',
  files: packStrings(names),
  labels: packIntegers(names.map((_, i) => Math.floor(i / 1000))),
};
const packing = performance.now() - begun;
names = null;

const memory = () => process.memoryUsage().rss / 1e6;
async function settledMemory() {
  for (let i = 0; i < 4; i++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  return memory();
}

const before = await settledMemory();
let late = 0;
let last = performance.now();
const timer = setInterval(() => {
  const now = performance.now();
  late = Math.max(late, now - last - 5);
  last = now;
}, 5);
begun = performance.now();
const pool = await ViewPool.start(spec, { recipe: 'v2', imageSize: 32, seed: 1, workers: 2 });
const starting = performance.now() - begun;
clearInterval(timer);
const opened = memory();
const settled = await settledMemory();
await pool.dispose();
await rm(folder, { recursive: true });

const rows = {
  images,
  'shared memory': spec.files.bytes.buffer instanceof SharedArrayBuffer,
  'packing the list, ms': Math.round(packing),
  'starting 2 workers, ms': Math.round(starting),
  'longest pause of the calling thread, ms': Math.round(late),
  'process before, MB': Math.round(before),
  'more with 2 workers started, MB': Math.round(opened - before),
  'more when settled, MB': Math.round(settled - before),
};
for (const [what, value] of Object.entries(rows)) console.log(`${what}: ${value}`);
