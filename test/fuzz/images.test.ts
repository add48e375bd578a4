/** Image files of each codec, damaged; after each a good one must decode to the pixels that it had. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { decodeImage } from '../../src/data/decode/decode.ts';
import { chunk } from '../data/damaged-png.ts';
import { fuzz } from './harness.ts';
import { damaged, joined } from './mutate.ts';
import type { FuzzRandom } from './random.ts';

const FORMATS = new URL('../data/formats/', import.meta.url);
const read = (name: string) => new Uint8Array(readFileSync(new URL(name, FORMATS)));
const filesNamed = (pattern: RegExp) =>
  readdirSync(FORMATS)
    .filter((name) => pattern.test(name))
    .map(read);

/** Files of a decoder, a good one among them with the pixels that Pillow gives, how many cases, and how they are damaged. */
const KINDS: readonly (readonly [string, RegExp, string, number, typeof damaged])[] = [
  ['JPEG', /^(grey|exif6|prog)\.jpg$/, 'prog.jpg', 3000, damaged],
  ['CMYK JPEG', /^(cmyk|ycck|cmyk-plain)\.jpg$/, 'grey.jpg', 1500, damaged],
  ['PNG', /\.png$/, 'rgba.png', 1500, damaged],
  ['PNG with right checksums', /\.png$/, 'rgba.png', 4000, resealed],
  ['WebP', /^(alpha|lossy)\.webp$/, 'alpha.webp', 3000, damaged],
  ['BMP', /\.bmp$/, 'runs8.bmp', 2500, damaged],
  ['GIF', /\.gif$/, 'interlaced.gif', 2500, damaged],
  ['TIFF', /\.tif$/, 'lzw.tif', 4000, damaged],
];

/** Damage to what is in the chunks of a PNG: its checksums would keep all else from the decoder. */
function resealed(random: FuzzRandom, file: Uint8Array): Uint8Array<ArrayBuffer> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const chunks: Uint8Array[] = [file.slice(0, 8)];
  const starts: number[] = [];
  for (let at = 8; at + 12 <= file.length; at += 12 + view.getUint32(at)) starts.push(at);
  const victim = random.pick(starts);
  for (const at of starts) {
    const data = file.slice(at + 8, at + 8 + view.getUint32(at));
    const type = String.fromCharCode(...file.subarray(at + 4, at + 8));
    const changed = at === victim && data.length > 0 ? damaged(random, data) : data;
    if (at !== victim || !random.chance(0.1)) chunks.push(chunk(type, changed));
  }
  return joined(...chunks);
}

for (const [kind, pattern, good, cases, damage] of KINDS) {
  const files = filesNamed(pattern);
  const [control, pixels] = [read(good), read(`${good}.rgb`)];
  fuzz({
    kind,
    cases,
    input: (random) => damage(random, random.pick(files)),
    async take(bytes) {
      const { data, width, height } = await decodeImage(bytes);
      expect(data.length).toBe(3 * width * height);
    },
    async control() {
      expect(Buffer.compare((await decodeImage(control)).data, pixels)).toBe(0);
    },
    seconds: 8,
  });
}
