/**
 * An encoder and an index by the built package, for pages, Node and Deno alike: a tiny run on drawn images, whose encoder
 * embeds images and searches among them. Plain JavaScript, because it runs as it is.
 */
import {
  describeDrawn,
  Encoder,
  exportOnnx,
  factsOf,
  Index,
  loadCheckpoint,
  MocoError,
  pretrain,
  resolveConfig,
} from '../../dist/index.js';

const ON = { backend: 'wasm', workers: 2 };

/** A run of two steps. */
async function learned(out) {
  const data = await describeDrawn(32, 8, 16, 0);
  const shape = { arch: 'resnet18', width: 4, imageSize: 16, dim: 16, mlp: true };
  const training = { batchSize: 16, groups: 2, queueSize: 64, steps: 2, seed: 0 };
  const config = resolveConfig('moco-v2', { ...shape, ...training }, factsOf(data));
  const backend = { backend: 'wasm', adapter: null, reason: 'asked for' };
  for await (const _event of pretrain({ config, data, out, backend, workers: 1 }));
}

/** Squares of one color that fades to black. */
const fading = (color) => ({
  data: Uint8Array.from({ length: 3 * 40 * 40 }, (_, i) => ((color >> (i % 3)) & 1) * (255 - (i % 199))),
  width: 40,
  height: 40,
});

const numbers = (rows) => rows.map((row) => [...row]);
const codeOf = (promise) =>
  promise.then(
    () => 'none',
    (error) => (error instanceof MocoError ? error.code : String(error)),
  );

/**
 * Everything that an encoder and an index do, the same in every runtime.
 * @param out run directory
 * @param image path or address of an image
 */
export async function searched(out, image) {
  await learned(out);
  const encoder = await Encoder.load(out, { ...ON, features: 'head' });
  const { dim, imageSize, features, backend, notes } = encoder;
  const colors = await encoder.embed([1, 2, 3, 4, 5, 6, 7].map(fading));
  const row = await encoder.embed(image);
  const codes = [
    await codeOf(encoder.embed(new Uint8Array(9))),
    await codeOf(encoder.embed(`${image}.gone`)),
    await codeOf(encoder.embed(null)),
    await codeOf(Encoder.load('nothing', ON)),
    await codeOf(Encoder.load(new Uint8Array(9), ON)),
    await codeOf(Index.load('nothing')),
    await codeOf(Index.from([])),
  ];
  await encoder.dispose();
  codes.push(await codeOf(encoder.embed(image)));

  const file = await exportOnnx(await loadCheckpoint(out), 'backbone');
  const exported = await Encoder.load(new Blob([file]), ON);
  const backbone = numbers(await exported.embed([image, fading(5)]));
  await exported.dispose();

  const index = await Index.from([...colors, colors[2]], { names: [...'abcdefgh'], encoder: out, features });
  await index.save(`${out}/index.safetensors`);
  const loaded = await Index.load(`${out}/index.safetensors`);
  const { size } = loaded;
  const found = {
    matches: await loaded.search(row, 3),
    pairs: (await loaded.duplicates(0.9999)).slice(0, 3),
    size,
  };
  const bytes = (await index.bytes()).length;
  await index.dispose();
  await loaded.dispose();
  const told = { dim, imageSize, features, backend, notes };
  // Where it was saved differs from runtime to runtime, and so does its length.
  return { told, rows: numbers([...colors, row]), codes, backbone, found, bytes: bytes - (bytes % 64) };
}

/**
 * What a page shows, in all forms, each as its row: all are to be that of the file, which is opaque.
 * @param out run directory of `searched`
 * @param image address of an image, relative to the page
 */
export async function shown(out, image) {
  const encoder = await Encoder.load(out, ON);
  const file = await (await fetch(image)).blob();
  const element = new Image();
  // Not waited for: that it is still loading is not the caller's affair.
  element.src = image;
  const bitmap = await createImageBitmap(file);
  const { width, height } = bitmap;
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  canvas.getContext('2d').drawImage(bitmap, 0, 0);
  const offscreen = new OffscreenCanvas(width, height);
  const context = offscreen.getContext('2d');
  context.drawImage(bitmap, 0, 0);
  const forms = {
    file,
    bytes: await file.arrayBuffer(),
    url: new URL(image, document.baseURI),
    blob: URL.createObjectURL(file),
    element,
    bitmap,
    canvas,
    offscreen,
    imageData: context.getImageData(0, 0, width, height),
  };
  if (typeof VideoFrame !== 'undefined') forms.frame = new VideoFrame(bitmap, { timestamp: 0 });
  const rows = await encoder.embed(Object.values(forms));
  // What was given is still whole.
  const kept = [bitmap.width, forms.bytes.byteLength, forms.frame?.codedWidth ?? width];
  const expected = await encoder.embed(image);
  const broken = Object.assign(new Image(), { src: 'data:image/png;base64,AAAA' });
  const code = await codeOf(encoder.embed(broken));
  await encoder.dispose();
  const same = (row) => row.every((value, i) => value === expected[i]);
  const differing = Object.keys(forms).filter((_, i) => !same(rows[i]));
  return {
    forms: Object.keys(forms),
    differing,
    kept: kept.every((size) => size > 0),
    code,
    dim: expected.length,
  };
}
