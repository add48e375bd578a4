import type { Canvas } from './canvas.ts';

/**
 * torchvision's adjust_hue on a PIL image, bit-exact: shifts the hue by trunc(factor · 255) modulo 256. The round trip through
 * 8-bit HSV changes pixels even where that is 0, as it does in Pillow. See wasm/augment/hue.ts.
 * @param factor −0.5 … 0.5, in turns.
 */
export function adjustHue({ exports, pixels, stride, height }: Canvas, factor: number): void {
  exports.shiftHue(pixels, stride, height, Math.trunc(factor * 255) & 255);
}
