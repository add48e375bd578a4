import type { Random } from '../../random.ts';
import type { RgbImage } from '../image.ts';
import { gaussianBlur } from './blur.ts';
import { adjustBrightness, adjustContrast, adjustSaturation, grayscale } from './color.ts';
import { randomResizedCropBox, roundHalfEven } from './crop.ts';
import { adjustHue } from './hue.ts';
import { normalize } from './normalize.ts';
import type { AugmentStep, Recipe } from './recipes.ts';
import { resizedCrop } from './resize.ts';

let view = new Uint8Array(0);

function viewOf(length: number): Uint8Array {
  if (view.length < length) view = new Uint8Array(length);
  return view;
}

/**
 * One random view of an image for training: crop, the steps of the recipe, normalization.
 * @param random consumed; the view is a function of the image, the recipe, the size and this generator's key.
 * @param size side of the view in pixels.
 * @param out receives float32 [3, size, size] from `offset` on.
 */
export function augment(
  image: RgbImage,
  recipe: Recipe,
  random: Random,
  size: number,
  out: Float32Array,
  offset = 0,
): void {
  const length = size * size * 3;
  const pixels = viewOf(length);
  const box = randomResizedCropBox(image.width, image.height, recipe.crop.scale, recipe.crop.ratio, random);
  resizedCrop(image, box, size, size, pixels);
  let flip = false;
  for (const step of recipe.steps) {
    if (random.uniform() >= step.probability) continue;
    switch (step.op) {
      case 'jitter':
        colorJitter(pixels, length, step, random);
        break;
      case 'grayscale':
        grayscale(pixels, length);
        break;
      case 'blur':
        gaussianBlur(pixels, size, size, random.between(step.sigma[0], step.sigma[1]));
        break;
      case 'flip':
        flip = true; // done by normalize; no other operation tells left from right
        break;
    }
  }
  normalize(pixels, size, size, recipe, out, offset, flip);
}

/** torchvision ColorJitter: a random order, then a factor for each adjustment. */
function colorJitter(
  pixels: Uint8Array,
  length: number,
  step: Extract<AugmentStep, { op: 'jitter' }>,
  random: Random,
): void {
  const order = random.permutation(4);
  const around = (spread: number) => random.between(Math.max(0, 1 - spread), 1 + spread);
  const brightness = around(step.brightness);
  const contrast = around(step.contrast);
  const saturation = around(step.saturation);
  const hue = random.between(-step.hue, step.hue);
  for (const which of order) {
    if (which === 0) adjustBrightness(pixels, length, brightness);
    else if (which === 1) adjustContrast(pixels, length, contrast);
    else if (which === 2) adjustSaturation(pixels, length, saturation);
    else adjustHue(pixels, length, hue);
  }
}

/** Up to this side, images of just the right size are evaluated as they are (CIFAR's convention). */
export const SMALL = 64;

/** What the shorter side is resized to for an evaluation view of `size` pixels. */
export function shorterSide(size: number): number {
  return roundHalfEven((size * 256) / 224);
}

/**
 * The view of an image for evaluation. Where `size` ≤ 64 and the image is size × size: as it is. Otherwise torchvision's
 * Resize(shorter side = size · 256 / 224) and CenterCrop(size). Then normalization.
 * @param out receives float32 [3, size, size] from `offset` on.
 */
export function evaluationView(
  image: RgbImage,
  recipe: Recipe,
  size: number,
  out: Float32Array,
  offset = 0,
): void {
  if (size <= SMALL && image.width === size && image.height === size) {
    normalize(image.data, size, size, recipe, out, offset);
    return;
  }
  const shorter = shorterSide(size);
  const wide = image.width > image.height;
  const longer = Math.trunc(
    (shorter * Math.max(image.width, image.height)) / Math.min(image.width, image.height),
  );
  const width = wide ? longer : shorter;
  const height = wide ? shorter : longer;
  const resized = new Uint8Array(width * height * 3);
  const whole = { top: 0, left: 0, height: image.height, width: image.width };
  resizedCrop(image, whole, width, height, resized);
  const top = roundHalfEven((height - size) / 2);
  const left = roundHalfEven((width - size) / 2);
  const pixels = viewOf(size * size * 3);
  resizedCrop({ width, height, data: resized }, { top, left, height: size, width: size }, size, size, pixels);
  normalize(pixels, size, size, recipe, out, offset);
}
