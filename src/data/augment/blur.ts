/** Pillow's GaussianBlur: three box blurs with fractional radius along each axis, 8 bits between them. See wasm/augment/blur.ts. */
import { MocoError } from '../../errors.ts';
import type { Canvas } from './canvas.ts';

const PASSES = 3;
/** Of a box: the sum of its values has to fit 15 bits. σ = 63 has it. */
const MOST_RADIUS = 63;

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
 * Blurs what a canvas holds; beyond the border the border pixel goes on.
 * @param sigma standard deviation in pixels, 0 … 63, what Pillow calls radius; 0 changes nothing.
 * @throws MocoError usage, out-of-memory
 */
export function gaussianBlur(canvas: Canvas, sigma: number): void {
  const { radius, full, far } = boxWeights(sigma);
  if (radius === 0 && far === 0) return;
  if (!(radius <= MOST_RADIUS))
    throw new MocoError('usage', `blur: σ is ${sigma} pixels, at most 63 are possible`);
  const { exports, stride, width, height } = canvas;
  const bytes = 16 * (Math.max(stride, height) + 2 * (radius + 1));
  const a = canvas.scratch('blurred', bytes);
  const b = canvas.scratch('other', bytes);
  exports.blur(canvas.pixels, stride, width, height, radius, full, far, a, b);
}
