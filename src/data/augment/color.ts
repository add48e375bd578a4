/**
 * Pillow's ImageEnhance and torchvision's PIL color operations, in place on RGB bytes [pixels, 3], bit-exact.
 * Pillow computes blends in float32 (Blend.c) and truncates; Math.fround reproduces each rounding.
 */

const table = new Uint8Array(256);
const products = new Float64Array(511);

/** ITU-R 601 luma as Pillow's convert('L') has it: weights of 16 bits, rounded. */
export function luma(red: number, green: number, blue: number): number {
  return (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16;
}

/** torchvision RandomGrayscale / rgb_to_grayscale with three output channels. */
export function grayscale(pixels: Uint8Array, length: number): void {
  for (let i = 0; i < length; i += 3) {
    const gray = luma(pixels[i]!, pixels[i + 1]!, pixels[i + 2]!);
    pixels[i] = gray;
    pixels[i + 1] = gray;
    pixels[i + 2] = gray;
  }
}

/** ImageEnhance.Brightness: blend with black. Factor ≥ 0; 1 changes nothing. */
export function adjustBrightness(pixels: Uint8Array, length: number, factor: number): void {
  blendWithConstant(pixels, length, 0, factor);
}

/** ImageEnhance.Contrast: blend with the mean gray of the image, int(mean + 0.5). Factor ≥ 0. */
export function adjustContrast(pixels: Uint8Array, length: number, factor: number): void {
  let sum = 0;
  for (let i = 0; i < length; i += 3) sum += luma(pixels[i]!, pixels[i + 1]!, pixels[i + 2]!);
  blendWithConstant(pixels, length, Math.trunc(sum / (length / 3) + 0.5), factor);
}

/** ImageEnhance.Color: blend with the gray image. Factor ≥ 0. */
export function adjustSaturation(pixels: Uint8Array, length: number, factor: number): void {
  const alpha = Math.fround(factor);
  if (alpha === 1) return;
  for (let d = -255; d <= 255; d++) products[d + 255] = Math.fround(alpha * d);
  for (let i = 0; i < length; i += 3) {
    const red = pixels[i]!;
    const green = pixels[i + 1]!;
    const blue = pixels[i + 2]!;
    const gray = luma(red, green, blue);
    const center = 255 - gray;
    pixels[i] = truncate(Math.fround(gray + products[center + red]!));
    pixels[i + 1] = truncate(Math.fround(gray + products[center + green]!));
    pixels[i + 2] = truncate(Math.fround(gray + products[center + blue]!));
  }
}

function blendWithConstant(pixels: Uint8Array, length: number, constant: number, factor: number): void {
  const alpha = Math.fround(factor);
  if (alpha === 1) return;
  for (let value = 0; value < 256; value++) {
    table[value] = truncate(Math.fround(constant + Math.fround(alpha * (value - constant))));
  }
  for (let i = 0; i < length; i++) pixels[i] = table[pixels[i]!]!;
}

function truncate(value: number): number {
  return value <= 0 ? 0 : value >= 255 ? 255 : value | 0;
}
