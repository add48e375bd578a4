/** Pillow's GaussianBlur: three box blurs with fractional radius along each axis, 8 bits between them. */

const PASSES = 3;
const ROUND = 1 << 23;
let a = new Uint8Array(0);
let b = new Uint8Array(0);

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
  if (weights.radius === 0 && weights.far === 0) return;
  const length = width * 3;
  if (weights.radius === 0) {
    for (let y = 0; y < height; y++)
      for (let c = 0; c < 3; c++) blurStream(pixels, y * length + c, 3, width, weights);
    for (let x = 0; x < length; x++) blurStream(pixels, x, length, height, weights);
    return;
  }
  const needed = Math.max(length * height, length + 6 * (weights.radius + 1));
  if (a.length < needed) {
    a = new Uint8Array(needed);
    b = new Uint8Array(needed);
  }
  for (let y = 0; y < height; y++) blurRow(pixels, y * length, length, weights, a, b);
  blurColumns(pixels, a, length, height, weights);
  blurColumns(a, b, length, height, weights);
  blurColumns(b, pixels, length, height, weights);
}

/**
 * All three passes of radius 0 in one go over `count` values that lie `stride` apart, in place: each pass trails the one
 * before by one value, and all of them live in registers. σ < 1.41 has radius 0.
 */
function blurStream(
  pixels: Uint8Array,
  offset: number,
  stride: number,
  count: number,
  weights: BoxWeights,
): void {
  const { full, far } = weights;
  // x, y, z: input, first and second pass; 0, 1, 2: oldest to newest of the three values that a pass takes.
  let x0 = pixels[offset]!;
  let x1 = x0;
  let y0 = 0;
  let y1 = 0;
  let z0 = 0;
  let z1 = 0;
  let target = offset - 2 * stride;
  let source = offset + stride;
  const last = count - 1;
  for (let t = 0; t <= count + 1; t++) {
    let y2 = y1;
    if (t <= last) {
      const x2 = t < last ? pixels[source]! : x1;
      y2 = (((Math.imul(x1, full) + Math.imul(x0 + x2, far)) | 0) + ROUND) >>> 24;
      x0 = x1;
      x1 = x2;
      source += stride;
    }
    if (t === 0) {
      y0 = y1 = y2;
      target += stride;
      continue;
    }
    // At the end the last value of a pass is repeated, as at the start its first.
    const z2 = t <= count ? (((Math.imul(y1, full) + Math.imul(y0 + y2, far)) | 0) + ROUND) >>> 24 : z1;
    y0 = y1;
    y1 = y2;
    if (t === 1) z0 = z1 = z2;
    else {
      pixels[target] = (((Math.imul(z1, full) + Math.imul(z0 + z2, far)) | 0) + ROUND) >>> 24;
      z0 = z1;
      z1 = z2;
    }
    target += stride;
  }
}

/** Three passes over one row of `length` bytes; each line buffer holds it with its borders repeated on both sides. */
function blurRow(
  pixels: Uint8Array,
  offset: number,
  length: number,
  weights: BoxWeights,
  line: Uint8Array,
  other: Uint8Array,
): void {
  const pad = (weights.radius + 1) * 3;
  for (let i = 0; i < length; i++) line[pad + i] = pixels[offset + i]!;
  repeatBorders(line, pad, length);
  blurLine(line, other, pad, length, weights);
  repeatBorders(other, pad, length);
  blurLine(other, line, pad, length, weights);
  repeatBorders(line, pad, length);
  blurLine(line, other, pad, length, weights);
  for (let i = 0; i < length; i++) pixels[offset + i] = other[pad + i]!;
}

function repeatBorders(line: Uint8Array, pad: number, length: number): void {
  for (let i = pad - 1; i >= 0; i--) line[i] = line[i + 3]!;
  for (let i = pad + length; i < 2 * pad + length; i++) line[i] = line[i - 3]!;
}

// Sums stay below 2³², so 32-bit arithmetic that wraps gives the right bits. σ ≤ 2 needs radius 0 and 1 only.
function blurLine(line: Uint8Array, out: Uint8Array, pad: number, length: number, weights: BoxWeights): void {
  const { radius, full, far } = weights;
  if (radius === 1) {
    for (let i = 0; i < length; i++) {
      const inner = line[i + 3]! + line[i + 6]! + line[i + 9]!;
      const sum = (Math.imul(inner, full) + Math.imul(line[i]! + line[i + 12]!, far)) | 0;
      out[i + 6] = (sum + ROUND) >>> 24;
    }
  } else {
    const span = 2 * pad; // from the far pixel on the left to the one on the right
    for (let c = 0; c < 3; c++) {
      let inner = 0;
      for (let k = c; k < span - 3; k += 3) inner += line[k]!;
      for (let i = c; i < length; i += 3) {
        const left = line[i]!;
        inner += line[i + span - 3]! - left; // now line[i + 3] … line[i + span − 3]
        const sum = Math.imul(inner, full) + Math.imul(left + line[i + span]!, far);
        out[i + pad] = (sum + ROUND) >>> 24;
      }
    }
  }
}

/** One pass along the columns, a whole row at a time. */
function blurColumns(
  source: Uint8Array,
  out: Uint8Array,
  length: number,
  height: number,
  weights: BoxWeights,
): void {
  const { radius, full, far } = weights;
  const row = (y: number) => Math.min(Math.max(y, 0), height - 1) * length;
  if (radius > 1) {
    blurColumnsWide(source, out, length, height, weights, row);
    return;
  }
  for (let y = 0; y < height; y++) {
    const before = row(y - radius - 1);
    const above = row(y - 1);
    const here = y * length;
    const below = row(y + 1);
    const after = row(y + radius + 1);
    for (let x = 0; x < length; x++) {
      const inner = source[above + x]! + source[here + x]! + source[below + x]!;
      const sum = (Math.imul(inner, full) + Math.imul(source[before + x]! + source[after + x]!, far)) | 0;
      out[here + x] = (sum + ROUND) >>> 24;
    }
  }
}

/** Any radius: a running sum a column. */
function blurColumnsWide(
  source: Uint8Array,
  out: Uint8Array,
  length: number,
  height: number,
  { radius, full, far }: BoxWeights,
  row: (y: number) => number,
): void {
  const column = new Int32Array(length);
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
      const sum = Math.imul(inner, full) + Math.imul(left + source[after + x]!, far);
      out[target + x] = (sum + ROUND) >>> 24;
    }
  }
}
