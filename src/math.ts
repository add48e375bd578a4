/**
 * Transcendental functions whose results are the same bits in every JavaScript engine. ECMAScript leaves the accuracy
 * of Math.exp, log, sin and cos to the engine, so what reaches the training state (learning rates, initial weights,
 * augmentation) must not come from them. Here only IEEE 754 float64 + − × ÷, floor and comparisons are used, which
 * are exact to the last bit everywhere. Errors are below 1 ulp in the tests' samples.
 */

// ln 2 and π/2 as sums of parts; all but the last part end in zeros, so that part · k is exact for the k in use.
const LN2_HIGH = 0.6931471803691238; // 32 bits
const LN2_LOW = 1.9082149292705877e-10;
const INVERSE_LN2 = Math.LOG2E; // a constant: its value is given by the language
const HALF_PI_1 = 1.5707963267341256; // 33 bits
const HALF_PI_2 = 6.077100506303966e-11; // 33 bits
const HALF_PI_3 = 2.0222662487959506e-21;
const TWO_OVER_PI = 0.6366197723675814;

/** Largest |x| that sin and cos reduce exactly; far beyond anything a schedule or a Box–Muller angle needs. */
export const MAX_ANGLE = 1e6;

/** 1/n! for n = 0…20. */
const INVERSE_FACTORIAL: readonly number[] = (() => {
  const values = [1];
  let factorial = 1;
  for (let n = 1; n <= 20; n++) {
    factorial *= n; // exact up to 18!, correctly rounded up to 20!
    values.push(1 / factorial);
  }
  return values;
})();

/** POWERS[i] = 2^(2^i), i = 0…9. */
const POWERS: readonly number[] = (() => {
  const values = [2];
  for (let i = 1; i < 10; i++) values.push(values[i - 1]! * values[i - 1]!);
  return values;
})();

/** 2^k for whole −1022 ≤ k ≤ 1023, exact. */
function powerOfTwo(k: number): number {
  let result = 1;
  let rest = k < 0 ? -k : k;
  for (let i = 0; rest > 0; i++, rest >>>= 1) if (rest & 1) result *= POWERS[i]!;
  return k < 0 ? 1 / result : result;
}

/** x^n for whole n from 0 to 2³¹, by squaring: within n roundings of it. */
export function wholePower(x: number, n: number): number {
  let result = 1;
  let square = x;
  for (let rest = n; rest > 0; rest >>>= 1) {
    if (rest & 1) result *= square;
    square *= square;
  }
  return result;
}

/** Taylor sum x^start/start! + x^(start+step)/(start+step)! + … by Horner, in powers of z = ±x^step, without x^start. */
function taylor(z: number, start: number, step: number, last: number): number {
  let sum = INVERSE_FACTORIAL[last]!;
  for (let n = last - step; n >= start; n -= step) sum = sum * z + INVERSE_FACTORIAL[n]!;
  return sum;
}

/** e^x. Overflows to Infinity above 709.78, underflows to 0 below −745.13. NaN for NaN. */
export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 709.782712893384) return Infinity;
  if (x < -745.1332191019412) return 0;
  const k = Math.floor(x * INVERSE_LN2 + 0.5);
  const high = x - k * LN2_HIGH;
  const low = k * LN2_LOW;
  const r = high - low; // |r| ≤ ln 2 / 2
  const tail = high - r - low;
  const y = 1 + (r + (tail + r * r * taylor(r, 2, 1, 14)));
  const half = k >> 1;
  return y * powerOfTwo(half) * powerOfTwo(k - half);
}

/** Natural logarithm. −Infinity for 0, NaN below. */
export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? -Infinity : Number.NaN;
  if (x === Infinity) return x;
  // x = m · 2^e with √½ ≤ m < √2, found by exact scaling.
  let m = x;
  let e = 0;
  for (let i = 9; i >= 0; i--) {
    const power = POWERS[i]!;
    if (m >= power) {
      m /= power;
      e += 1 << i;
    }
  }
  for (let i = 9; i >= 0 && m < 1; i--) {
    // 2^-(2^i) at a time while the product stays below 2.
    const power = POWERS[i]!;
    while (m * power < 2) {
      m *= power;
      e -= 1 << i;
    }
  }
  if (m > Math.SQRT2) {
    m /= 2;
    e += 1;
  }
  // log(1+f) = f − (f²/2 − s·(f²/2 + R)), s = f/(2+f), R = 2·(s²/3 + s⁴/5 + …): the large terms keep their low bits.
  const f = m - 1;
  const s = f / (2 + f);
  const z = s * s;
  let sum = 0;
  for (let n = 23; n >= 3; n -= 2) sum = (sum + 2 / n) * z;
  const halfSquare = 0.5 * f * f;
  return e * LN2_HIGH - (halfSquare - (s * (halfSquare + sum) + e * LN2_LOW) - f);
}

/** Remainder of x after whole quarter turns: quadrant 0…3, r + tail in about ±π/4. */
function reduce(x: number): { quadrant: number; r: number; tail: number } {
  const k = Math.floor(x * TWO_OVER_PI + 0.5);
  const a = x - k * HALF_PI_1;
  const b = k * HALF_PI_2;
  const c = a - b;
  const d = k * HALF_PI_3 - (a - c - b);
  const r = c - d;
  return { quadrant: k - 4 * Math.floor(k / 4), r, tail: c - r - d };
}

function sinKernel(r: number, tail: number): number {
  const z = r * r;
  return r + (tail * (1 - 0.5 * z) - r * z * taylor(-z, 3, 2, 19));
}

function cosKernel(r: number, tail: number): number {
  const z = r * r;
  const half = 0.5 * z;
  const w = 1 - half;
  return w + (1 - w - half + (z * z * taylor(-z, 4, 2, 20) - r * tail));
}

/** Sine of x in radians. NaN for |x| > MAX_ANGLE. */
export function sin(x: number): number {
  if (!(x >= -MAX_ANGLE && x <= MAX_ANGLE)) return Number.NaN;
  const { quadrant, r, tail } = reduce(x);
  const value = quadrant % 2 === 0 ? sinKernel(r, tail) : cosKernel(r, tail);
  return quadrant < 2 ? value : -value;
}

/** Cosine of x in radians. NaN for |x| > MAX_ANGLE. */
export function cos(x: number): number {
  if (!(x >= -MAX_ANGLE && x <= MAX_ANGLE)) return Number.NaN;
  const { quadrant, r, tail } = reduce(x);
  const value = quadrant % 2 === 0 ? cosKernel(r, tail) : sinKernel(r, tail);
  return quadrant === 0 || quadrant === 3 ? value : -value;
}
