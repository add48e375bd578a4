/**
 * What Pillow and torchvision do to 8-bit RGB images, pixel by pixel and as plainly as their C code has it: Resample.c,
 * BoxBlur.c, Blend.c, Convert.c. The golden vectors hold these to Pillow's own numbers; these hold src/data/augment to
 * them on images of any size. A C float is a number that Math.fround has rounded.
 */
import type { Box } from '../../src/data/augment/resize.ts';
import type { RgbImage } from '../../src/data/image.ts';

const f32 = Math.fround;
const clip8 = (value: number) => Math.min(255, Math.max(0, value));

function imageOf(width: number, height: number, value: (x: number, y: number, c: number) => number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0, y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) for (let c = 0; c < 3; c++) data[i++] = value(x, y, c);
  }
  return { width, height, data };
}

const at = ({ data, width }: RgbImage, x: number, y: number, c: number) => data[(y * width + x) * 3 + c]!;

/** The same with rows and columns exchanged. */
const turned = (image: RgbImage) => imageOf(image.height, image.width, (x, y, c) => at(image, y, x, c));

/** Image.crop, then Image.resize with BILINEAR. */
export function resizedCrop(image: RgbImage, box: Box, width: number, height: number): RgbImage {
  const cropped = imageOf(box.width, box.height, (x, y, c) => at(image, box.left + x, box.top + y, c));
  return turned(resizedRows(turned(resizedRows(cropped, width)), height));
}

function resizedRows(image: RgbImage, width: number): RgbImage {
  if (width === image.width) return image;
  const scale = image.width / width;
  const support = Math.max(scale, 1);
  const filters = Array.from({ length: width }, (_, x) => {
    const center = (x + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(image.width, Math.trunc(center + support + 0.5));
    const weights = Array.from({ length: end - first }, (_, i) => {
      return Math.max(0, 1 - Math.abs((first + i - center + 0.5) * (1 / support)));
    });
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: weights.map((weight) => Math.trunc(0.5 + (weight / total) * (1 << 22))) };
  });
  return imageOf(width, image.height, (x, y, c) => {
    const { first, weights } = filters[x]!;
    const sum = weights.reduce((sum, weight, i) => sum + weight * at(image, first + i, y, c), 1 << 21);
    return clip8(sum >> 22);
  });
}

/** ImageFilter.GaussianBlur. */
export function gaussianBlur(image: RgbImage, sigma: number): RgbImage {
  const passes = 3;
  const variance = f32(f32(f32(sigma) * f32(sigma)) / passes);
  const length = f32(Math.sqrt(12 * variance + 1));
  const whole = f32(Math.floor((length - 1) / 2));
  const over = f32(f32(2 * whole + 1) * f32(f32(whole * f32(whole + 1)) - f32(3 * variance)));
  const under = f32(6 * f32(variance - f32(f32(whole + 1) * f32(whole + 1))));
  const boxRadius = f32(whole + f32(over / under));
  let result = image;
  for (let axis = 0; axis < 2; axis++) {
    for (let i = 0; i < passes; i++) result = boxBlurredRows(result, boxRadius);
    result = turned(result);
  }
  return result;
}

function boxBlurredRows(image: RgbImage, boxRadius: number): RgbImage {
  const radius = Math.trunc(boxRadius);
  const full = Math.trunc(f32((1 << 24) / f32(f32(boxRadius * 2) + 1)));
  const far = Math.trunc(((1 << 24) - (radius * 2 + 1) * full) / 2);
  const inside = (x: number) => Math.min(Math.max(x, 0), image.width - 1);
  return imageOf(image.width, image.height, (x, y, c) => {
    const value = (offset: number) => at(image, inside(x + offset), y, c);
    let inner = 0;
    for (let offset = -radius; offset <= radius; offset++) inner += value(offset);
    const outer = value(-radius - 1) + value(radius + 1);
    return Math.floor((inner * full + outer * far + (1 << 23)) / (1 << 24));
  });
}

function luma(image: RgbImage, x: number, y: number): number {
  const [red, green, blue] = [0, 1, 2].map((c) => at(image, x, y, c)) as [number, number, number];
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}

const mapped = (image: RgbImage, value: (x: number, y: number, c: number) => number) =>
  imageOf(image.width, image.height, value);

/** torchvision's rgb_to_grayscale. */
export function grayscale(image: RgbImage): RgbImage {
  return mapped(image, (x, y) => luma(image, x, y));
}

/** Image.blend(of one that is gray, image, factor). */
function blend(image: RgbImage, gray: (x: number, y: number) => number, factor: number): RgbImage {
  const alpha = f32(factor);
  return mapped(image, (x, y, c) => {
    const from = gray(x, y);
    const value = f32(from + f32(alpha * (at(image, x, y, c) - from)));
    return value <= 0 ? 0 : value >= 255 ? 255 : Math.trunc(value);
  });
}

/** torchvision's adjust_brightness, adjust_contrast, adjust_saturation. */
export function adjustBrightness(image: RgbImage, factor: number): RgbImage {
  return blend(image, () => 0, factor);
}

export function adjustContrast(image: RgbImage, factor: number): RgbImage {
  const { data } = grayscale(image);
  const mean = Math.trunc(data.reduce((sum, value) => sum + value, 0) / data.length + 0.5);
  return blend(image, () => mean, factor);
}

export function adjustSaturation(image: RgbImage, factor: number): RgbImage {
  return blend(image, (x, y) => luma(image, x, y), factor);
}

/** torchvision's adjust_hue. */
export function adjustHue(image: RgbImage, factor: number): RgbImage {
  const data = image.data.slice();
  const shift = Math.trunc(factor * 255) & 255;
  for (let i = 0; i < data.length; i += 3) shiftHue(data, i, shift);
  return { ...image, data };
}

function shiftHue(data: Uint8Array, i: number, shift: number): void {
  const red = data[i]!;
  const green = data[i + 1]!;
  const blue = data[i + 2]!;
  // rgb2hsv_row
  const max = Math.max(red, green, blue);
  const min = Math.min(red, green, blue);
  if (max === min) return; // hue and saturation 0, and back to the same gray
  const chroma = max - min;
  const r = f32((max - red) / chroma);
  const g = f32((max - green) / chroma);
  const b = f32((max - blue) / chroma);
  const h = red === max ? f32(b - g) : green === max ? f32(2 + r - b) : f32(4 + g - r);
  const saturation = Math.trunc(f32(chroma / max) * 255);
  const hue = (Math.trunc(f32((h / 6 + 1) % 1) * 255) + shift) & 255;
  // hsv2rgb
  const fs = f32(saturation / 255);
  const sixths = (hue * 6) / 255;
  const sector = Math.floor(sixths);
  const f = f32(sixths - sector);
  const p = Math.trunc(max * (1 - fs) + 0.5);
  const q = Math.trunc(max * (1 - f32(fs * f)) + 0.5);
  const t = Math.trunc(max * (1 - fs * (1 - f)) + 0.5);
  const colors = [
    [max, t, p],
    [q, max, p],
    [p, max, t],
    [p, q, max],
    [t, p, max],
    [max, p, q],
  ][sector % 6]!;
  data.set(colors, i);
}
