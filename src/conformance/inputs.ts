/** Sizes and numbers that cases are made of. */
import type { Random } from '../random.ts';

/** 1, odd, prime, and one below, at and above what a vec4, a row of lanes, a workgroup and its four steps take. */
export const LENGTHS = [1, 3, 4, 5, 7, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1021, 1024, 1025] as const;

/** Elements that take more than 65,535 workgroups of 256: the dispatch has two dimensions. */
export const MANY = 4099 * 4096;
/** Of arrays of `MANY` values, which repeat: a prime, so that no wrong address has the right value. */
export const PERIOD = 4099;

/** Float32 with exponents of all bits: NaN that are quiet, signalling and negative, and both infinities. */
export const NOT_FINITE: readonly (readonly [name: string, bits: number])[] = [
  ['quiet NaN', 0x7fc00000],
  ['signalling NaN', 0x7f800001],
  ['negative NaN', 0xffc00001],
  ['NaN of all bits', 0xffffffff],
  ['+infinity', 0x7f800000],
  ['-infinity', 0xff800000],
];

/** Finite ones at the edges: −0, the denormals next to 0 and to 1.2e-38, the smallest normal, the largest. */
export const EXTREMES = [0x80000000, 1, 0x807fffff, 0x00800000, 0x7f7fffff, 0xff7fffff] as const;

export function fromBits(...bits: number[]): Float32Array {
  return new Float32Array(Uint32Array.from(bits).buffer);
}

/** Values in [−scale, scale). */
export function uniforms(length: number, random: Random, scale = 1): Float32Array {
  const values = new Float32Array(length);
  const unit = scale / 2 ** 31;
  for (let i = 0; i < length; i++) values[i] = unit * (random.bits() | 0);
  return values;
}

/** Random values, with −0, denormals, NaN and infinities where there is room. */
export function anyBits(length: number, random: Random): Float32Array {
  const values = uniforms(length, random);
  const odd = fromBits(...EXTREMES, ...NOT_FINITE.map(([, bits]) => bits));
  values.set(odd.subarray(0, length));
  return values;
}

export function repeated(block: Float32Array, length: number): Float32Array {
  const values = new Float32Array(length);
  for (let i = 0; i < length; i += block.length) values.set(block.subarray(0, length - i), i);
  return values;
}

/** Unit rows, rounded to float32. */
export function unitRows(rows: number, dim: number, random: Random): Float32Array {
  return toUnit(uniforms(rows * dim, random), rows, dim);
}

export function toUnit(values: Float32Array, rows: number, dim: number): Float32Array {
  const result = new Float32Array(rows * dim);
  for (let r = 0; r < rows; r++) {
    let square = 0;
    for (let c = 0; c < dim; c++) square += values[r * dim + c]! ** 2;
    const norm = Math.sqrt(square);
    for (let c = 0; c < dim; c++) result[r * dim + c] = norm === 0 ? 0 : values[r * dim + c]! / norm;
  }
  return result;
}

/** Unit rows within about `distance` of one row. */
export function unitRowsAround(
  center: Float32Array,
  rows: number,
  distance: number,
  random: Random,
): Float32Array {
  const dim = center.length;
  const noise = uniforms(rows * dim, random, distance);
  return toUnit(
    noise.map((x, i) => x + center[i % dim]!),
    rows,
    dim,
  );
}
