import fc from 'fast-check';
import { expect, test } from 'vitest';
import { evaluationView, shorterSide } from '../../../src/data/augment/augment.ts';
import { gaussianBlur } from '../../../src/data/augment/blur.ts';
import { Canvas } from '../../../src/data/augment/canvas.ts';
import {
  adjustBrightness,
  adjustContrast,
  adjustSaturation,
  grayscale,
} from '../../../src/data/augment/color.ts';
import { adjustHue } from '../../../src/data/augment/hue.ts';
import { roundHalfEven } from '../../../src/data/augment/crop.ts';
import { normalize } from '../../../src/data/augment/normalize.ts';
import { RECIPES } from '../../../src/data/augment/recipes.ts';
import { putImage, resizedCrop } from '../../../src/data/augment/resize.ts';
import type { RgbImage } from '../../../src/data/image.ts';
import * as pillow from '../pillow.ts';

const canvas = await Canvas.open();

/** Sizes around those of vectors, values that are often the extremes. */
const images = (most = 50): fc.Arbitrary<RgbImage> =>
  fc.tuple(fc.integer({ min: 1, max: most }), fc.integer({ min: 1, max: most })).chain(([width, height]) => {
    const bytes = width * height * 3;
    const data = fc.oneof(
      fc.uint8Array({ minLength: bytes, maxLength: bytes }),
      fc.array(fc.constantFrom(0, 1, 127, 128, 254, 255), { minLength: bytes, maxLength: bytes }),
    );
    return data.map((values) => ({ width, height, data: Uint8Array.from(values) }));
  });
const factors = fc.oneof(fc.double({ min: 0, max: 3, noNaN: true }), fc.constantFrom(0, 1, 1e-30, 1e30));

/** `change` gives on a canvas what the reference gives. */
function same<T>(
  values: fc.Arbitrary<T>,
  change: (value: T) => void,
  reference: (image: RgbImage, value: T) => RgbImage,
): void {
  fc.assert(
    fc.property(images(), values, (image, value) => {
      putImage(canvas, image);
      change(value);
      expect(canvas.image()).toEqual(reference(image, value));
    }),
  );
}

test('an image comes back as it was put', () => {
  same(fc.constant(0), () => {}, (image) => image);
});

test('brightness', () => same(factors, (factor) => adjustBrightness(canvas, factor), pillow.adjustBrightness));
test('contrast', () => same(factors, (factor) => adjustContrast(canvas, factor), pillow.adjustContrast));
test('saturation', () => same(factors, (factor) => adjustSaturation(canvas, factor), pillow.adjustSaturation));
test('grayscale', () => same(fc.constant(0), () => grayscale(canvas), pillow.grayscale));

test('hue', () => {
  const turns = fc.double({ min: -0.5, max: 0.5, noNaN: true });
  same(turns, (factor) => adjustHue(canvas, factor), pillow.adjustHue);
});

test('blur, of any radius that there is', () => {
  const sigmas = fc.oneof(
    fc.double({ min: 0, max: 2, noNaN: true }),
    fc.double({ min: 0, max: 63, noNaN: true }),
    fc.constantFrom(0, 0.001, 1.414, 1.415, 63),
  );
  same(sigmas, (sigma) => gaussianBlur(canvas, sigma), pillow.gaussianBlur);
  expect(() => gaussianBlur(canvas, 70)).toThrow(expect.objectContaining({ code: 'usage' }));
});

test('crop and resize, enlarging and shrinking, whole or a part of the result', () => {
  const sizes = fc.integer({ min: 1, max: 90 });
  const parts = fc.array(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), {
    minLength: 8,
    maxLength: 8,
  });
  // A part of `whole` pixels: from which one on, and how many.
  const part = (whole: number, from: number, size: number): [number, number] => {
    const first = Math.floor(from * whole);
    return [first, 1 + Math.floor(size * (whole - first))];
  };
  fc.assert(
    fc.property(images(), sizes, sizes, parts, (image, width, height, [a, b, c, d, e, f, g, h]) => {
      const [left, boxWidth] = part(image.width, a!, b!);
      const [top, boxHeight] = part(image.height, c!, d!);
      const box = { top, left, width: boxWidth, height: boxHeight };
      const expected = pillow.resizedCrop(image, box, width, height);
      resizedCrop(canvas, image, box, width, height);
      expect(canvas.image()).toEqual(expected);
      const [x, windowWidth] = part(width, e!, f!);
      const [y, windowHeight] = part(height, g!, h!);
      const window = { top: y, left: x, width: windowWidth, height: windowHeight };
      resizedCrop(canvas, image, box, width, height, window);
      expect(canvas.image()).toEqual(pillow.resizedCrop(expected, window, windowWidth, windowHeight));
    }),
    { numRuns: 200 },
  );
});

test('the view for evaluation is the center of the image that has been resized', () => {
  const statistics = { mean: [0, 0, 0], std: [1, 1, 1] } as const;
  fc.assert(
    fc.property(images(60), fc.integer({ min: 1, max: 40 }), (image, size) => {
      if (image.width === size && image.height === size) return;
      const out = new Float32Array(3 * size * size);
      evaluationView(canvas, image, { ...RECIPES.v2, ...statistics }, size, out);
      const shorter = shorterSide(size);
      const side = (length: number, other: number) =>
        length > other ? Math.trunc((shorter * length) / other) : shorter;
      const [width, height] = [side(image.width, image.height), side(image.height, image.width)];
      const whole = { top: 0, left: 0, width: image.width, height: image.height };
      const resized = pillow.resizedCrop(image, whole, width, height);
      const [left, top] = [roundHalfEven((width - size) / 2), roundHalfEven((height - size) / 2)];
      const expected = pillow.resizedCrop(resized, { top, left, width: size, height: size }, size, size);
      expect(canvas.image()).toEqual(expected);
    }),
  );
});

test('an image of many strips of rows', () => {
  const width = 300;
  const height = 500;
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * i) >> 7);
  const box = { top: 3, left: 5, width: 290, height: 490 };
  const image = { width, height, data };
  resizedCrop(canvas, image, box, 33, 29);
  expect(canvas.image()).toEqual(pillow.resizedCrop(image, box, 33, 29));
});

test('normalize, mirrored and not', () => {
  const statistics = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;
  fc.assert(
    fc.property(images(40), fc.boolean(), (image, flip) => {
      const { width, height, data } = image;
      putImage(canvas, image);
      const out = new Float32Array(data.length + 2);
      normalize(canvas, statistics, out, 1, flip);
      const expected = out.slice().fill(0);
      data.forEach((value, i) => {
        const [y, x, c] = [Math.floor(i / 3 / width), Math.floor(i / 3) % width, i % 3];
        const at = 1 + (c * height + y) * width + (flip ? width - 1 - x : x);
        expected[at] = (value / 255 - statistics.mean[c]!) / statistics.std[c]!;
      });
      expect(out).toEqual(expected);
    }),
  );
});

/** `pixels` of an image of one row, after a shift of the hue. */
function expectHues(pixels: Uint8Array, shift: number): void {
  const image = { width: pixels.length / 3, height: 1, data: pixels };
  putImage(canvas, image);
  adjustHue(canvas, shift / 255);
  const { data } = canvas.image();
  const expected = pillow.adjustHue(image, shift / 255).data;
  if (Buffer.compare(data, expected) === 0) return;
  const wrong = data.findIndex((value, i) => value !== expected[i]);
  const pixel = (from: Uint8Array) => [...from.subarray(wrong - (wrong % 3), wrong - (wrong % 3) + 3)];
  throw new Error(`hue + ${shift} of ${pixel(pixels)}: ${pixel(data)}, not ${pixel(expected)}`);
}

test('hue and saturation of every color', () => {
  const pixels = new Uint8Array(3 * 65536);
  for (let red = 0; red < 256; red++) {
    for (let i = 0; i < 65536; i++) pixels.set([red, i >> 8, i & 255], 3 * i);
    expectHues(pixels, 0);
  }
});

test('the way back from every hue, saturation and brightness', () => {
  const pixels: number[] = [];
  // Hue 0 with every chroma: all saturations that there are.
  for (let max = 0; max < 256; max++) for (let min = 0; min <= max; min++) pixels.push(max, min, min);
  for (let shift = 0; shift < 256; shift++) expectHues(Uint8Array.from(pixels), shift);
});

test('no memory for it is an error of its own, and the next image may fit', async () => {
  const small = await Canvas.open(4);
  const image = (side: number) => ({ width: side, height: side, data: new Uint8Array(3 * side * side).fill(7) });
  expect(() => putImage(small, image(400))).toThrow(
    expect.objectContaining({ code: 'out-of-memory', message: expect.stringContaining('400×400') }),
  );
  putImage(small, image(20));
  expect(small.image()).toEqual(image(20));
  // 4 GiB are as much as there may ever be.
  expect(() => canvas.resize(60_000, 60_000)).toThrow(expect.objectContaining({ code: 'out-of-memory' }));
});
