/**
 * torchvision's adjust_hue on a PIL image, bit-exact: to Pillow's 8-bit HSV, shift the hue, back (Pillow, Convert.c:
 * rgb2hsv, hsv2rgb). Pillow computes in float32 with single roundings; all of that lies in tables here, so that a pixel
 * costs a few look-ups and one multiplication.
 */

/**
 * 8-bit hue by [which channel is largest and which smallest (6), chroma (256), max − middle (256)]. With the largest
 * channel's distance 0 and the smallest one's equal to the chroma, only the middle channel is left to vary.
 */
let hues: Uint8Array | null = null;
/** 8-bit saturation by [max, chroma]. */
const saturations = new Uint8Array(65536);
/** Smallest channel after the round trip, round(max · (1 − s)), by [max, saturation]. */
const smallest = new Uint8Array(65536);
/** float32 saturation / 255. */
const fractions = new Float64Array(256);
/** Of each 8-bit hue: the sixth of the circle, and how far into it (float32). */
const sector = new Uint8Array(256);
const within = new Float64Array(256);

const f32 = Math.fround;

function buildTables(): Uint8Array {
  for (let value = 0; value < 256; value++) {
    fractions[value] = f32(value / 255);
    const sixths = (value * 6) / 255;
    sector[value] = Math.floor(sixths) % 6;
    within[value] = f32(sixths - Math.floor(sixths));
  }
  for (let max = 0; max < 256; max++) {
    for (let second = 0; second < 256; second++) {
      smallest[(max << 8) | second] = max * (1 - fractions[second]!) + 0.5;
      if (second <= max && max > 0) saturations[(max << 8) | second] = f32(second / max) * 255;
    }
  }
  const table = new Uint8Array(6 * 65536);
  for (let chroma = 1; chroma < 256; chroma++) {
    for (let distance = 0; distance <= chroma; distance++) {
      const middle = f32(distance / chroma);
      // max, min: red blue, red green, green red, green blue, blue green, blue red. The distance of min is 1.
      const raw = [1 - middle, middle - 1, 2 + 1 - middle, 2 + middle - 1, 4 + 1 - middle, 4 + middle - 1];
      raw.forEach((h, which) => {
        const turn = f32(h) / 6 + 1;
        table[(which << 16) | (chroma << 8) | distance] = f32(turn >= 1 ? turn - 1 : turn) * 255;
      });
    }
  }
  return table;
}

/**
 * Shifts the hue of RGB bytes [pixels, 3] in place by trunc(factor · 255) modulo 256. The round trip through 8-bit HSV
 * changes pixels even where that is 0, as it does in Pillow.
 * @param length bytes in use. @param factor −0.5 … 0.5, in turns.
 */
export function adjustHue(pixels: Uint8Array, length: number, factor: number): void {
  hues ??= buildTables();
  const table = hues;
  const shift = Math.trunc(factor * 255) & 255;
  for (let i = 0; i < length; i += 3) {
    const red = pixels[i]!;
    const green = pixels[i + 1]!;
    const blue = pixels[i + 2]!;
    let max = red;
    let middle = green;
    let min = blue;
    let which = 0;
    // Ties go to red, then green, as in Pillow.
    if (red >= green) {
      if (green >= blue) {
        // red ≥ green ≥ blue: as initialized
      } else if (red >= blue) {
        middle = blue;
        min = green;
        which = 1;
      } else {
        max = blue;
        middle = red;
        min = green;
        which = 4;
      }
    } else if (green >= blue) {
      max = green;
      if (blue >= red) {
        middle = blue;
        min = red;
        which = 2;
      } else {
        middle = red;
        which = 3;
      }
    } else {
      max = blue;
      min = red;
      which = 5;
    }
    const chroma = max - min;
    if (chroma === 0) continue; // gray stays gray
    const saturation = saturations[(max << 8) | chroma]!;
    const hue = (table[(which << 16) | (chroma << 8) | (max - middle)]! + shift) & 255;
    const low = smallest[(max << 8) | saturation]!;
    const s = fractions[saturation]!;
    const f = within[hue]!;
    // Even sixths rise towards the next primary, odd ones fall; rounded half up, which for these is half away from 0.
    const part = (sector[hue]! & 1) === 0 ? s * (1 - f) : f32(s * f);
    const between = (max * (1 - part) + 0.5) | 0;
    switch (sector[hue]) {
      case 0:
        store(pixels, i, max, between, low);
        break;
      case 1:
        store(pixels, i, between, max, low);
        break;
      case 2:
        store(pixels, i, low, max, between);
        break;
      case 3:
        store(pixels, i, low, between, max);
        break;
      case 4:
        store(pixels, i, between, low, max);
        break;
      default:
        store(pixels, i, max, low, between);
    }
  }
}

function store(pixels: Uint8Array, i: number, red: number, green: number, blue: number): void {
  pixels[i] = red;
  pixels[i + 1] = green;
  pixels[i + 2] = blue;
}
