import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeImage } from '../../src/data/decode.ts';
import { readImageHeader } from '../../src/data/image-header.ts';
import { itShared } from '../golden.ts';

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
    expect([image.width, image.height]).toEqual([53, 37]);
    expect(Buffer.compare(image.data, read(`formats/${name}.rgb`))).toBe(0);
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
    const { data } = await decodeImage(read('formats/grey16.png'));
    // value at (x, y) is 1000·x + 7·y
    expect([data[0], data[3], data[6]]).toEqual([0, 1000 >> 8, 2000 >> 8]);
  });

  test('many at a time do not disturb each other', async () => {
    const good = read('formats/prog.jpg');
    const bad = good.slice(0, 300);
    const results = await Promise.allSettled([good, bad, good, bad, good].map((bytes) => decodeImage(bytes)));
    expect(results.map(({ status }) => status === 'fulfilled')).toEqual([true, false, true, false, true]);
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
    ['JPEG in CMYK', read('formats/cmyk.jpg'), /CMYK/],
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
