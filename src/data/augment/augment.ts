import type { Random } from '../../random.ts';
import type { RgbImage } from '../image.ts';
import { gaussianBlur } from './blur.ts';
import type { Canvas } from './canvas.ts';
import { adjustBrightness, adjustContrast, adjustSaturation, grayscale } from './color.ts';
import { randomResizedCropBox, roundHalfEven } from './crop.ts';
import { adjustHue } from './hue.ts';
import { normalize } from './normalize.ts';
import type { AugmentStep, Recipe } from './recipes.ts';
import { putImage, resizedCrop } from './resize.ts';

/**
 * One random view of an image for training: crop, the steps of the recipe, normalization.
 * @param canvas is overwritten.
 * @param random consumed; the view is a function of the image, the recipe, the size and this generator's key.
 * @param size side of the view in pixels.
 * @param out receives float32 [3, size, size] from `offset` on.
 * @throws MocoError out-of-memory
 */
export function augment(
  canvas: Canvas,
  image: RgbImage,
  recipe: Recipe,
  random: Random,
  size: number,
  out: Float32Array,
  offset = 0,
): void {
  const box = randomResizedCropBox(image.width, image.height, recipe.crop.scale, recipe.crop.ratio, random);
  resizedCrop(canvas, image, box, size, size);
  let flip = false;
  for (const step of recipe.steps) {
    if (random.uniform() >= step.probability) continue;
    switch (step.op) {
      case 'jitter':
        colorJitter(canvas, step, random);
        break;
      case 'grayscale':
        grayscale(canvas);
        break;
      case 'blur':
        gaussianBlur(canvas, random.between(step.sigma[0], step.sigma[1]));
        break;
      case 'flip':
        flip = true; // done by normalize; no other operation tells left from right
        break;
    }
  }
  normalize(canvas, recipe, out, offset, flip);
}

/** torchvision ColorJitter: a random order, then a factor for each adjustment. */
function colorJitter(canvas: Canvas, step: Extract<AugmentStep, { op: 'jitter' }>, random: Random): void {
  const order = random.permutation(4);
  const around = (spread: number) => random.between(Math.max(0, 1 - spread), 1 + spread);
  const brightness = around(step.brightness);
  const contrast = around(step.contrast);
  const saturation = around(step.saturation);
  const hue = random.between(-step.hue, step.hue);
  for (const which of order) {
    if (which === 0) adjustBrightness(canvas, brightness);
    else if (which === 1) adjustContrast(canvas, contrast);
    else if (which === 2) adjustSaturation(canvas, saturation);
    else adjustHue(canvas, hue);
  }
}

/** Up to this side, images of just the right size are evaluated as they are (CIFAR's convention). */
export const SMALL = 64;

/** What the shorter side is resized to for an evaluation view of `size` pixels. */
export function shorterSide(size: number): number {
  return roundHalfEven((size * 256) / 224);
}

/** How an image becomes a square of pixels without chance. */
export interface Framing {
  /** What the shorter side is resized to, at least the side of the square, which is the center. */
  readonly resizeShorterSide: number;
  /** Squares of just this side are taken as they are; null: none. */
  readonly unchangedSize: number | null;
}

/** That of our own encoders, for views of `size` pixels. */
export function framingOf(size: number): Framing {
  return { resizeShorterSide: shorterSide(size), unchangedSize: size <= SMALL ? size : null };
}

/**
 * The view of an image for evaluation. Where `size` ≤ 64 and the image is size × size: as it is. Otherwise torchvision's
 * Resize(shorter side = size · 256 / 224) and CenterCrop(size). Then normalization.
 * @param canvas is overwritten.
 * @param out receives float32 [3, size, size] from `offset` on.
 * @param framing of an encoder from elsewhere
 * @throws MocoError out-of-memory
 */
export function evaluationView(
  canvas: Canvas,
  image: RgbImage,
  recipe: Pick<Recipe, 'mean' | 'std'>,
  size: number,
  out: Float32Array,
  offset = 0,
  framing: Framing = framingOf(size),
): void {
  if (framing.unchangedSize === size && image.width === size && image.height === size) {
    putImage(canvas, image);
    normalize(canvas, recipe, out, offset);
    return;
  }
  const shorter = framing.resizeShorterSide;
  const wide = image.width > image.height;
  const longer = Math.trunc(
    (shorter * Math.max(image.width, image.height)) / Math.min(image.width, image.height),
  );
  const width = wide ? longer : shorter;
  const height = wide ? shorter : longer;
  const whole = { top: 0, left: 0, height: image.height, width: image.width };
  const center = {
    top: roundHalfEven((height - size) / 2),
    left: roundHalfEven((width - size) / 2),
    height: size,
    width: size,
  };
  resizedCrop(canvas, image, whole, width, height, center);
  normalize(canvas, recipe, out, offset);
}
