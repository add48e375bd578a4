/**
 * Pillow's ImageEnhance and torchvision's PIL colour operations, in place on RGB bytes [pixels, 3], bit-exact.
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
    const grey = luma(pixels[i]!, pixels[i + 1]!, pixels[i + 2]!);
    pixels[i] = grey;
    pixels[i + 1] = grey;
    pixels[i + 2] = grey;
  }
}

/** ImageEnhance.Brightness: blend with black. Factor ≥ 0; 1 changes nothing. */
export function adjustBrightness(pixels: Uint8Array, length: number, factor: number): void {
  blendWithConstant(pixels, length, 0, factor);
}

/** ImageEnhance.Contrast: blend with the mean grey of the image, int(mean + 0.5). Factor ≥ 0. */
export function adjustContrast(pixels: Uint8Array, length: number, factor: number): void {
  let sum = 0;
  for (let i = 0; i < length; i += 3) sum += luma(pixels[i]!, pixels[i + 1]!, pixels[i + 2]!);
  blendWithConstant(pixels, length, Math.trunc(sum / (length / 3) + 0.5), factor);
}

/** ImageEnhance.Color: blend with the grey image. Factor ≥ 0. */
export function adjustSaturation(pixels: Uint8Array, length: number, factor: number): void {
  const alpha = Math.fround(factor);
  if (alpha === 1) return;
  for (let d = -255; d <= 255; d++) products[d + 255] = Math.fround(alpha * d);
  for (let i = 0; i < length; i += 3) {
    const red = pixels[i]!;
    const green = pixels[i + 1]!;
    const blue = pixels[i + 2]!;
    const grey = luma(red, green, blue);
    const centre = 255 - grey;
    pixels[i] = truncate(Math.fround(grey + products[centre + red]!));
    pixels[i + 1] = truncate(Math.fround(grey + products[centre + green]!));
    pixels[i + 2] = truncate(Math.fround(grey + products[centre + blue]!));
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

// HSV → RGB: sector and the two float32 fractions of each of the 256 hues (Pillow Convert.c, hsv2rgb).
const hueSector = new Uint8Array(256);
const hueFraction = new Float64Array(256);
for (let hue = 0; hue < 256; hue++) {
  const sixths = (hue * 6) / 255;
  hueSector[hue] = Math.floor(sixths) % 6;
  hueFraction[hue] = Math.fround(sixths - Math.floor(sixths));
}

/**
 * torchvision adjust_hue on a PIL image: Pillow's 8-bit HSV, hue shifted by trunc(factor · 255) modulo 256.
 * The round trip through 8-bit HSV changes pixels even for factor 0, as it does there.
 * @param factor −0.5 … 0.5, in turns.
 */
export function adjustHue(pixels: Uint8Array, length: number, factor: number): void {
  const shift = Math.trunc(factor * 255) & 255;
  for (let i = 0; i < length; i += 3) {
    const red = pixels[i]!;
    const green = pixels[i + 1]!;
    const blue = pixels[i + 2]!;
    const max = Math.max(red, green, blue);
    const min = Math.min(red, green, blue);
    const chroma = max - min;
    if (chroma === 0) continue; // saturation 0: grey stays grey
    // float32 where Pillow has floats: quotients and differences are rounded one by one.
    const rc = Math.fround((max - red) / chroma);
    const gc = Math.fround((max - green) / chroma);
    const bc = Math.fround((max - blue) / chroma);
    let h: number;
    if (red === max) h = bc - gc;
    else if (green === max) h = 2 + rc - bc;
    else h = 4 + gc - rc;
    h = Math.fround(h) / 6 + 1;
    h = Math.fround(h >= 1 ? h - 1 : h);
    const saturation = (Math.fround(chroma / max) * 255) | 0;
    if (saturation === 0) {
      pixels[i] = max;
      pixels[i + 1] = max;
      pixels[i + 2] = max;
      continue;
    }
    const hue = (Math.min(255, (h * 255) | 0) + shift) & 255;
    const s = Math.fround(saturation / 255);
    const f = hueFraction[hue]!;
    // Rounded half away from zero; all values lie in 0 … 255.
    const p = (max * (1 - s) + 0.5) | 0;
    const q = (max * (1 - Math.fround(s * f)) + 0.5) | 0;
    const t = (max * (1 - s * (1 - f)) + 0.5) | 0;
    switch (hueSector[hue]) {
      case 0:
        set(pixels, i, max, t, p);
        break;
      case 1:
        set(pixels, i, q, max, p);
        break;
      case 2:
        set(pixels, i, p, max, t);
        break;
      case 3:
        set(pixels, i, p, q, max);
        break;
      case 4:
        set(pixels, i, t, p, max);
        break;
      default:
        set(pixels, i, max, p, q);
    }
  }
}

function set(pixels: Uint8Array, i: number, red: number, green: number, blue: number): void {
  pixels[i] = red;
  pixels[i + 1] = green;
  pixels[i + 2] = blue;
}
