/** Pillow's ImageEnhance and torchvision's PIL color operations on what a canvas holds, bit-exact; see wasm/augment/color.ts. */
import type { Canvas } from './canvas.ts';

/** torchvision RandomGrayscale / rgb_to_grayscale with three output channels. */
export function grayscale({ exports, pixels, stride, height }: Canvas): void {
  exports.grayscale(pixels, stride, height);
}

/** ImageEnhance.Brightness: blend with black. Factor ≥ 0; 1 changes nothing. */
export function adjustBrightness(canvas: Canvas, factor: number): void {
  blendWithConstant(canvas, 0, factor);
}

/** ImageEnhance.Contrast: blend with the mean gray of the image, int(mean + 0.5). Factor ≥ 0. */
export function adjustContrast(canvas: Canvas, factor: number): void {
  const { exports, pixels, stride, width, height } = canvas;
  const mean = exports.sumOfLuma(pixels, stride, width, height) / (width * height);
  blendWithConstant(canvas, Math.trunc(mean + 0.5), factor);
}

/** ImageEnhance.Color: blend with the gray image. Factor ≥ 0. */
export function adjustSaturation({ exports, pixels, stride, height }: Canvas, factor: number): void {
  if (Math.fround(factor) === 1) return;
  exports.saturate(pixels, stride, height, factor);
}

function blendWithConstant(
  { exports, pixels, stride, height }: Canvas,
  constant: number,
  factor: number,
): void {
  if (Math.fround(factor) === 1) return;
  exports.blendWithConstant(pixels, 3 * stride * height, constant, factor);
}
