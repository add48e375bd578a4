import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { decodeImage } from '../../src/data/decode/decode.ts';
import { DECODE_LIMITS, type DecodeLimits } from '../../src/data/decode/limits.ts';
import { readImageHeader } from '../../src/data/decode/header.ts';
import { joined } from '../fuzz/mutate.ts';
import { itShared } from '../golden.ts';
import { damagedPng, png, unfinishedPng } from './damaged-png.ts';

const DATA = new URL('./', import.meta.url);
const read = (path: string, base = DATA) => new Uint8Array(readFileSync(new URL(path, base)));

/** The first difference between our pixels and a CIFAR record's planes, or null. */
function firstDifference(pixels: Uint8Array, record: Uint8Array): string | null {
  for (let p = 0; p < 1024; p++) {
    for (let c = 0; c < 3; c++) {
      const expected = record[1 + c * 1024 + p];
      if (pixels[p * 3 + c] !== expected) return `pixel ${p} channel ${c}: ${pixels[p * 3 + c]} is not ${expected}`;
    }
  }
  return null;
}

describe('decodeImage gives the pixels of Pillow', () => {
  const formats = readdirSync(new URL('formats/', DATA)).filter((name) =>
    existsSync(new URL(`formats/${name}.rgb`, DATA)),
  );
  test.each(formats)('%s', async (name) => {
    const image = await decodeImage(read(`formats/${name}`));
    const turned = /orientation[67]/.test(name);
    expect([image.width, image.height]).toEqual(turned ? [37, 53] : [53, 37]);
    const pillow = read(`formats/${name}.rgb`);
    // Another inverse cosine transform than libjpeg's.
    const allowed = /cmyk.*jpg|ycck/.test(name) ? 3 : 0;
    expect(image.data.reduce((most, value, i) => Math.max(most, Math.abs(value - pillow[i]!)), 0)).toBeLessThanOrEqual(allowed);
    expect(image.note).toBe(undefined);
  });

  test('JPEG files of CIFAR-10', async () => {
    const records = read('images.records.bin');
    const files = ['airplane', 'cat'].flatMap((folder) =>
      readdirSync(new URL(`images/${folder}/`, DATA)).map((name) => `images/${folder}/${name}`),
    );
    for (const [i, file] of files.entries()) {
      const { data } = await decodeImage(read(file));
      expect(firstDifference(data, records.subarray(i * 3073))).toBe(null);
    }
  });

  itShared('all 1,200 JPEG files of the shared image folder', async (shared) => {
    const folder = new URL('cifar10-imagefolder/', shared);
    const bins = new Map<string, Uint8Array>();
    const rows = readFileSync(new URL('index.csv', folder), 'utf8').trim().split('\n').slice(1);
    for (const row of rows) {
      const [path = '', label, bin = '', record] = row.split(',');
      if (!bins.has(bin)) bins.set(bin, read(`cifar-10-batches-bin/${bin}`, shared));
      const expected = bins.get(bin)!.subarray(Number(record) * 3073);
      expect(expected[0]).toBe(Number(label));
      const { data } = await decodeImage(read(path, folder));
      expect(firstDifference(data, expected), path).toBe(null);
    }
    expect(rows.length).toBe(1200);
  });

  test('16-bit gray keeps its upper byte', async () => {
    const { data, note } = await decodeImage(read('formats/grey16.png'));
    // value at (x, y) is 1000·x + 7·y
    expect([data[0], data[3], data[6]]).toEqual([0, 1000 >> 8, 2000 >> 8]);
    expect(note).toBe(undefined);
  });

  test.each([
    ['grey12-sbit.png', 'said by sBIT, in the lower bits', undefined],
    ['grey12-shifted.png', 'said by sBIT, in the upper bits as PNG has it', undefined],
    ['grey12.png', 'not said, and therefore told', expect.stringMatching(/values up to 4095.*taken as 12/)],
  ])('16-bit gray of 12 bits: %s, %s', async (name, _what, told) => {
    const { data, note } = await decodeImage(read(`formats/${name}`));
    // value at (x, y) is (70·x + 13·y) mod 4096
    const expected = [0, 1, 52, 53 + 52].map((p) => ((70 * (p % 53) + 13 * Math.floor(p / 53)) % 4096) >> 4);
    expect([data[0], data[3], data[52 * 3], data[(53 + 52) * 3]]).toEqual(expected);
    expect(note).toEqual(told);
  });

  test('many at a time do not disturb each other', async () => {
    const good = read('formats/prog.jpg');
    const bad = good.slice(0, 300);
    const results = await Promise.allSettled([good, bad, good, bad, good].map((bytes) => decodeImage(bytes)));
    expect(results.map(({ status }) => status === 'fulfilled')).toEqual([true, false, true, false, true]);
  });
});

describe('a file costs itself only', () => {
  const good = ['rgba.png', 'prog.jpg', 'lossy.webp'];
  const goodOnesDecode = async () => {
    for (const name of good) expect((await decodeImage(read(`formats/${name}`))).width).toBe(53);
  };

  test('a thousand damaged PNG files of 60 bytes', async () => {
    const bad = damagedPng();
    for (let i = 0; i < 1000; i++) {
      await expect(decodeImage(bad)).rejects.toMatchObject({ code: 'image-corrupt', message: expect.stringMatching(/damaged PNG/) });
      if (i % 100 === 0) await goodOnesDecode();
    }
    await goodOnesDecode();
  });

  test('PNG files that say that they are large, and are not', async () => {
    const bad = unfinishedPng(1500);
    for (let i = 0; i < 30; i++) {
      await expect(decodeImage(bad)).rejects.toMatchObject({ code: 'image-corrupt' });
      await goodOnesDecode();
    }
  });

  const flat = png(8000, 8000, deflateSync(Buffer.alloc(1000)), 0);
  test.each<[string, Uint8Array, Partial<DecodeLimits>, RegExp]>([
    ['pixels', flat, { megapixels: 20 }, /more than the 20 megapixels allowed \(--max-megapixels\)/],
    ['memory', flat, { megabytes: 512 }, /take 513 MB to decode, 512 are allowed \(--max-decode-mb\)/],
    ['time', flat, { megabytes: 1000, seconds: 1 }, /take about 4 s to decode, 1 are allowed \(--max-decode-seconds\)/],
  ])('a limit on %s', async (_name, bytes, limits, message) => {
    await expect(decodeImage(new Uint8Array(bytes), { ...DECODE_LIMITS, ...limits })).rejects.toMatchObject({
      code: 'image-corrupt',
      message: expect.stringMatching(message),
    });
  });

  test('a progressive JPEG of very many passes', async () => {
    const jpeg = read('formats/prog.jpg');
    const scan = Buffer.from(jpeg).lastIndexOf(Uint8Array.of(0xff, 0xda));
    const end = jpeg.length - 2;
    const many = joined(jpeg.subarray(0, end), ...Array(3000).fill(jpeg.subarray(scan, end)), jpeg.subarray(end));
    // 2000 pixels are decoded in no time, in however many passes; with the size of a photograph it would take minutes.
    const frame = many.findIndex((byte, i) => byte === 0xff && many[i + 1] === 0xc2);
    many.set([8, 0, 8, 0], frame + 5);
    await expect(decodeImage(many)).rejects.toMatchObject({ code: 'image-corrupt', message: expect.stringMatching(/in 3\d\d\d passes/) });
  });
});

describe('what cannot be decoded is refused with the reason', () => {
  const jpeg = read('formats/prog.jpg');
  const png = read('formats/rgb16.png');
  const webp = read('formats/lossy.webp');
  const changed = (bytes: Uint8Array, at: number, ...values: number[]) => {
    const copy = bytes.slice();
    copy.set(values, at);
    return copy;
  };
  const frame = jpeg.findIndex((byte, i) => byte === 0xff && jpeg[i + 1] === 0xc2);
  const cases: [string, Uint8Array, RegExp][] = [
    ['empty file', new Uint8Array(0), /empty/],
    ['text', new TextEncoder().encode('this is no image, although it is long enough for one'), /not a JPEG/],
    ['JPEG without its end', jpeg.slice(0, 500), /cut short/],
    ['JPEG without its end mark', jpeg.slice(0, -2), /cut short/],
    ['JPEG of 65535×65535', changed(jpeg, frame + 5, 255, 255, 255, 255), /megapixels/],
    ['JPEG of no height', changed(jpeg, frame + 5, 0, 0), /53×0/],
    ['PNG without its end', png.slice(0, 5000), /cut short/],
    ['PNG with a flipped bit', changed(png, 4000, png[4000]! ^ 1), /damaged/],
    ['PNG of 100,000×100,000', changed(png, 16, 0, 1, 134, 160, 0, 1, 134, 160), /100000×100000/],
    ['WebP without its end', webp.slice(0, 200), /cut short/],
    ['WebP film', read('formats/anim.webp'), /animated/],
  ];
  test.each(cases)('%s', async (_name, bytes, reason) => {
    await expect(decodeImage(new Uint8Array(bytes))).rejects.toMatchObject({
      code: 'image-corrupt',
      message: expect.stringMatching(reason),
    });
  });

  test('afterwards good images decode as before', async () => {
    for (const name of ['prog.jpg', 'rgb16.png', 'lossy.webp']) {
      expect((await decodeImage(read(`formats/${name}`))).width).toBe(53);
    }
  });

  test('no prefix of a file is taken for a whole one or throws from the header reader', () => {
    for (const bytes of [jpeg, png, webp]) {
      for (let length = 0; length < Math.min(bytes.length, 700); length++) {
        const header = readImageHeader(bytes.slice(0, length));
        if (header !== null && header.complete) expect.fail(`complete after ${length} bytes`);
      }
    }
  });
});
