/** Images are decoded to the same pixels, Pillow's, in every runtime. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { inEveryRuntime } from './in-every-runtime.ts';
import { buildProgram } from './programs.ts';
import { closeBrowsers } from './runtimes.ts';

const FORMATS = fileURLToPath(new URL('../data/formats/', import.meta.url));
const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));
const CODECS = ['mozjpeg_dec.wasm', 'squoosh_png_bg.wasm', 'webp_dec.wasm'];

const images = readdirSync(FORMATS).filter((name) => /\.(jpg|png|webp)$/.test(name));
const program = await buildProgram<Record<string, string>>('decode-images', {
  files: [...CODECS.map((name) => `${DIST}${name}`), ...images.map((name) => `${FORMATS}${name}`)],
});
afterAll(async () => {
  await closeBrowsers();
  await program.dispose();
});

await inEveryRuntime((runtime) => {
  it('decodes JPEG, PNG and WebP as Pillow does', async () => {
    const hashes = await program.run(runtime);
    expect(Object.keys(hashes)).toHaveLength(9);
    for (const [name, hash] of Object.entries(hashes)) {
      const pixels = await readFile(`${FORMATS}${name}.rgb`);
      expect([name, hash]).toEqual([name, createHash('sha256').update(pixels).digest('hex')]);
    }
  });
});
