/** Damage that files take, by accident and on purpose. */
import type { FuzzRandom } from './random.ts';

type Bytes = Uint8Array<ArrayBuffer>;
type Damage = (random: FuzzRandom, bytes: Bytes) => Bytes;

/** Where sizes and signs go wrong. */
const BORDERS = [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

const bitFlips: Damage = (random, bytes) => {
  for (let left = random.between(1, 8); left > 0; left--) {
    bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
  }
  return bytes;
};

const noise: Damage = (random, bytes) => {
  const start = random.below(bytes.length);
  bytes.set(random.bytes(Math.min(random.between(1, 32), bytes.length - start)), start);
  return bytes;
};

/** A number of 8, 16 or 32 bits, in either order of bytes, is one of BORDERS. */
const border: Damage = (random, bytes) => {
  const size = random.pick([1, 2, 4]);
  if (bytes.length < size) return noise(random, bytes);
  const at = random.below(bytes.length - size + 1);
  const value = random.pick(BORDERS);
  const little = random.chance(0.5);
  for (let i = 0; i < size; i++) bytes[at + i] = value >>> (8 * (little ? i : size - 1 - i));
  return bytes;
};

const cutShort: Damage = (random, bytes) => bytes.slice(0, random.below(bytes.length));

const pieceLost: Damage = (random, bytes) => {
  const start = random.below(bytes.length);
  const end = Math.min(bytes.length, start + random.between(1, 64));
  return joined(bytes.subarray(0, start), bytes.subarray(end));
};

const pieceTwice: Damage = (random, bytes) => {
  const start = random.below(bytes.length);
  const end = Math.min(bytes.length, start + random.between(1, 256));
  const to = random.below(bytes.length + 1);
  return joined(bytes.subarray(0, to), bytes.subarray(start, end), bytes.subarray(to));
};

const bytesAdded: Damage = (random, bytes) => {
  const to = random.below(bytes.length + 1);
  return joined(bytes.subarray(0, to), random.bytes(random.between(1, 64)), bytes.subarray(to));
};

const zeroed: Damage = (random, bytes) => {
  const start = random.below(bytes.length);
  return bytes.fill(0, start, start + random.between(1, 512));
};

const DAMAGES = [
  bitFlips,
  bitFlips,
  noise,
  border,
  border,
  cutShort,
  pieceLost,
  pieceTwice,
  bytesAdded,
  zeroed,
];

/** A copy of a file, damaged in one to three ways. */
export function damaged(random: FuzzRandom, file: Uint8Array): Bytes {
  let bytes: Bytes = file.slice();
  for (let left = random.pick([1, 1, 1, 2, 3]); left > 0 && bytes.length > 0; left--) {
    bytes = random.pick(DAMAGES)(random, bytes);
  }
  return bytes;
}

export function joined(...parts: readonly Uint8Array[]): Bytes {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}
