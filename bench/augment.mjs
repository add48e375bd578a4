// How much processor time one augmented view takes. Prints a table; docs/performance.md holds figures.
// npm run build && node bench/augment.mjs
import { readFileSync } from 'node:fs';
import encodeJpeg, { init as initEncoder } from '@jsquash/jpeg/encode.js';
import { build } from 'esbuild';

const bundle = await build({
  stdin: {
    contents: `export { augment } from './src/data/augment/augment.ts';
export { Canvas } from './src/data/augment/canvas.ts';
export { RECIPES } from './src/data/augment/recipes.ts';
export { resizedCrop } from './src/data/augment/resize.ts';
export { decodeImage } from './src/data/decode/decode.ts';
export { provideImageData } from './src/runtime/codecs.ts';
export { Random, STREAMS } from './src/random.ts';`,
    resolveDir: new URL('..', import.meta.url).pathname,
    loader: 'ts',
  },
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  external: ['node:*'],
  // Where augment.wasm lies.
  define: { 'import.meta.url': JSON.stringify(new URL('../dist/index.js', import.meta.url)) },
  write: false,
});
const source = Buffer.from(bundle.outputFiles[0].contents).toString('base64');
const { augment, Canvas, decodeImage, provideImageData, RECIPES, resizedCrop, Random, STREAMS } =
  await import(`data:text/javascript;base64,${source}`);

const canvas = await Canvas.open();

// Real images (CIFAR-10), enlarged for the second case: branches depend on how smooth an image is.
const records = readFileSync(new URL('../test/data/cifar10/data_batch_1.bin', import.meta.url));
const images = Array.from({ length: 80 }, (_, i) => {
  const data = new Uint8Array(3072);
  for (let c = 0; c < 3; c++) {
    for (let p = 0; p < 1024; p++) data[p * 3 + c] = records[i * 3073 + 1 + c * 1024 + p];
  }
  return { width: 32, height: 32, data };
});
const enlarged = images.slice(0, 8).map((image) => {
  resizedCrop(canvas, image, { top: 0, left: 0, height: 32, width: 32 }, 500, 375);
  return canvas.image();
});

const cases = [
  { name: '32 px view of a 32×32 image', sources: images, size: 32, views: 20_000 },
  { name: '224 px view of a 500×375 image', sources: enlarged, size: 224, views: 1000 },
];
for (const { name, sources, size, views } of cases) {
  const out = new Float32Array(3 * size * size);
  for (const [recipe, steps] of Object.entries(RECIPES)) {
    const run = (count, epoch) => {
      for (let image = 0; image < count; image++) {
        const random = new Random({ seed: 0, epoch, image, stream: STREAMS.firstView });
        augment(canvas, sources[image % sources.length], steps, random, size, out);
      }
    };
    run(views / 4, 1);
    let best = Infinity;
    for (let epoch = 2; epoch < 5; epoch++) {
      const start = process.cpuUsage(); // not the clock: other programs may share the cores
      run(views, epoch);
      const { user, system } = process.cpuUsage(start);
      best = Math.min(best, (user + system) / views);
    }
    console.log(`${name}  ${recipe.padEnd(6)} ${best.toFixed(1)} µs`);
  }
}

// What decoding adds. The noise gives the file the size that a photograph's has: about 100 KB.
provideImageData();
const encoder = await WebAssembly.compile(
  readFileSync(new URL('../node_modules/@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm', import.meta.url)),
);
await initEncoder(encoder);
for (const [name, { width, height, data }, noise] of [
  ['32×32', images[0], 0],
  ['500×375', enlarged[0], 40],
]) {
  const random = new Random({ seed: 0, stream: STREAMS.drawnImage });
  const rgba = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let p = 0; p < width * height; p++) {
    for (let c = 0; c < 3; c++) rgba[4 * p + c] = data[3 * p + c] + noise * (random.uniform() - 0.5);
  }
  const file = new Uint8Array(await encodeJpeg(new ImageData(rgba, width, height), { quality: 90 }));
  const times = [];
  for (let i = 0; i < 60; i++) {
    const start = process.cpuUsage();
    await decodeImage(file);
    const { user, system } = process.cpuUsage(start);
    times.push(user + system);
  }
  const median = times.slice(20).sort((a, b) => a - b)[20];
  console.log(`a JPEG file of ${name} pixels, ${file.length} bytes: ${median} µs to decode`);
}
