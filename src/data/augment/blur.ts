/** Pillow's GaussianBlur: three box blurs with fractional radius along each axis, 8 bits between them. */

const PASSES = 3;
let a = new Uint8Array(0);
let b = new Uint8Array(0);
let column = new Int32Array(0);

interface BoxWeights {
  /** Whole part of the box radius: pixels with full weight on each side. */
  radius: number;
  /** Weight · 2²⁴ of the inner pixels. */
  full: number;
  /** Weight · 2²⁴ of the two pixels at radius + 1. */
  far: number;
}

/**
 * Radius of the box whose `passes`-fold convolution has the variance of the Gaussian: Gwosdek et al., "Theoretical
 * foundations of Gaussian convolution by extended box filtering", 2011, eqs. 7, 11, 14. In float32, as Pillow has it.
 */
function boxWeights(sigma: number): BoxWeights {
  const f = Math.fround;
  const s = f(sigma);
  const variance = f(f(s * s) / PASSES);
  const length = f(Math.sqrt(12 * variance + 1));
  const whole = f(Math.floor((length - 1) / 2));
  let fraction = f(f(2 * whole + 1) * f(f(whole * f(whole + 1)) - f(3 * variance)));
  fraction = f(fraction / f(6 * f(variance - f(f(whole + 1) * f(whole + 1)))));
  const boxRadius = f(whole + fraction);
  const radius = Math.trunc(boxRadius);
  const full = Math.trunc(f(16777216 / f(f(boxRadius * 2) + 1)));
  const far = Math.max(0, Math.trunc((16777216 - (radius * 2 + 1) * full) / 2));
  return { radius, full, far };
}

/**
 * Blurs RGB bytes [height, width, 3] in place; beyond the border the border pixel goes on.
 * @param sigma standard deviation in pixels, what Pillow calls radius; 0 changes nothing.
 */
export function gaussianBlur(pixels: Uint8Array, width: number, height: number, sigma: number): void {
  const weights = boxWeights(sigma);
  const size = width * height * 3;
  if (weights.radius === 0 && weights.far === 0) return;
  const pad = (weights.radius + 1) * 3;
  const needed = Math.max(size, width * 3 + 2 * pad);
  if (a.length < needed) {
    a = new Uint8Array(needed);
    b = new Uint8Array(needed);
  }
  for (let y = 0; y < height; y++) blurRow(pixels, y * width * 3, width, pad, weights);
  if (column.length < width * 3) column = new Int32Array(width * 3);
  blurColumns(pixels, a, width * 3, height, weights);
  blurColumns(a, b, width * 3, height, weights);
  blurColumns(b, pixels, width * 3, height, weights);
}

/** Three passes over one row. */
function blurRow(pixels: Uint8Array, offset: number, width: number, pad: number, weights: BoxWeights): void {
  const { radius, full, far } = weights;
  const length = width * 3;
  const line = a; // the row with its borders repeated on both sides
  for (let pass = 0; pass < PASSES; pass++) {
    for (let i = 0; i < length; i++) line[pad + i] = pixels[offset + i]!;
    for (let i = 0; i < pad; i += 3) {
      for (let c = 0; c < 3; c++) {
        line[i + c] = pixels[offset + c]!;
        line[pad + length + i + c] = pixels[offset + length - 3 + c]!;
      }
    }
    if (radius === 0) {
      for (let i = 0; i < length; i++) {
        const sum = line[i + 3]! * full + (line[i]! + line[i + 6]!) * far;
        pixels[offset + i] = (sum + 8388608) >>> 24;
      }
      continue;
    }
    const span = 2 * pad; // from the far pixel on the left to the one on the right
    for (let c = 0; c < 3; c++) {
      let inner = 0;
      for (let k = c; k < span - 3; k += 3) inner += line[k]!;
      for (let i = c; i < length; i += 3) {
        const left = line[i]!;
        inner += line[i + span - 3]! - left; // now line[i + 3] … line[i + span − 3]
        const sum = inner * full + (left + line[i + span]!) * far;
        pixels[offset + i] = (sum + 8388608) >>> 24;
      }
    }
  }
}

/** One pass along the columns, for whole rows at a time: a running sum a column. */
function blurColumns(
  source: Uint8Array,
  out: Uint8Array,
  length: number,
  height: number,
  weights: BoxWeights,
): void {
  const { radius, full, far } = weights;
  const last = height - 1;
  const row = (y: number) => Math.min(Math.max(y, 0), last) * length;
  column.fill(0, 0, length);
  for (let y = -radius - 1; y < radius; y++) {
    const from = row(y);
    for (let x = 0; x < length; x++) column[x]! += source[from + x]!;
  }
  for (let y = 0; y < height; y++) {
    const before = row(y - radius - 1);
    const entering = row(y + radius);
    const after = row(y + radius + 1);
    const target = y * length;
    for (let x = 0; x < length; x++) {
      const left = source[before + x]!;
      const inner = column[x]! + source[entering + x]! - left;
      column[x] = inner;
      const sum = inner * full + (left + source[after + x]!) * far;
      out[target + x] = (sum + 8388608) >>> 24;
    }
  }
}
