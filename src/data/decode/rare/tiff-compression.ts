/** What strips and tiles of a TIFF are packed with. Every one gives as many bytes as were asked for, or throws. */
import { Unzlib } from 'fflate';
import type { TiffTags } from '../tiff-tags.ts';

const NONE = 1;
const LZW = 5;
const DEFLATE = [8, 32946];
const PACK_BITS = 32773;

/** @param length of what is packed */
export function unpacked(packed: Uint8Array, tags: TiffTags, length: number): Uint8Array {
  const { compression, reversedBits } = tags;
  const bytes = reversedBits ? packed.map(reversed) : packed;
  if (compression === NONE) return whole(bytes.slice(0, length), length);
  if (compression === LZW) return lzw(bytes, length);
  if (compression === PACK_BITS) return packBits(bytes, length);
  if (DEFLATE.includes(compression)) return inflated(bytes, length);
  throw new Error(`its compression (${compression}) is not decoded: save it with LZW, Deflate or none`);
}

function whole(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length < length) throw new Error('it is cut short');
  return bytes;
}

function reversed(byte: number): number {
  let result = 0;
  for (let bit = 0; bit < 8; bit++) result |= ((byte >> bit) & 1) << (7 - bit);
  return result;
}

/** Given in so many bytes at a time, of each of which no more than a thousand may come. */
const PIECE = 4096;

function inflated(bytes: Uint8Array, length: number): Uint8Array {
  const result = new Uint8Array(length);
  let filled = 0;
  const stream = new Unzlib((chunk) => {
    result.set(chunk.subarray(0, length - filled), filled);
    filled = Math.min(length, filled + chunk.length);
  });
  for (let from = 0; from < bytes.length && filled < length; from += PIECE) {
    stream.push(bytes.subarray(from, from + PIECE), from + PIECE >= bytes.length);
  }
  return whole(result.subarray(0, filled), length);
}

function packBits(bytes: Uint8Array, length: number): Uint8Array {
  const result = new Uint8Array(length);
  let filled = 0;
  for (let at = 0; at < bytes.length && filled < length; ) {
    const head = bytes[at++]!;
    if (head < 128) {
      const copied = bytes.subarray(at, at + head + 1).subarray(0, length - filled);
      result.set(copied, filled);
      filled += copied.length;
      at += head + 1;
    } else if (head > 128) {
      const end = Math.min(length, filled + 257 - head);
      result.fill(bytes[at++] ?? 0, filled, end);
      filled = end;
    }
  }
  return whole(result.subarray(0, filled), length);
}

const CLEAR = 256;
const END = 257;

/** Codes of 9 to 12 bits from the highest bit on, which grow one code early (TIFF 6.0, section 13). */
function lzw(bytes: Uint8Array, length: number): Uint8Array {
  const result = new Uint8Array(length);
  // Of each code where in the result it was first written, and how long it is.
  const places = new Int32Array(4096);
  const sizes = new Int32Array(4096);
  let [filled, next, width, last] = [0, END + 1, 9, -1];
  let [held, bits, at] = [0, 0, 0];
  let [lastPlace, lastSize] = [0, 0];
  while (filled < length) {
    while (bits < width) {
      if (at === bytes.length) throw new Error('it is cut short');
      held = ((held << 8) | bytes[at++]!) & 0xffffff;
      bits += 8;
    }
    const code = (held >> (bits - width)) & (2 ** width - 1);
    bits -= width;
    if (code === END) break;
    if (code === CLEAR) {
      [next, width, last] = [END + 1, 9, -1];
      continue;
    }
    const place = filled;
    let size: number;
    if (code < 256) {
      size = 1;
      result[filled++] = code;
    } else {
      const known = code < next;
      // A code that is not made yet is the last string and its first byte.
      if (!known && (code !== next || last < 0)) throw new Error('a code of it was never made');
      const from = known ? places[code]! : lastPlace;
      size = known ? sizes[code]! : lastSize + 1;
      const end = Math.min(length, filled + size);
      for (let i = from; filled < end; i++) result[filled++] = result[i]!;
    }
    if (last >= 0 && next < 4096) {
      // The last string and the first byte of this one lie one after the other.
      places[next] = lastPlace;
      sizes[next] = lastSize + 1;
      next++;
    }
    if (next + 1 >= 2 ** width && width < 12) width++;
    [last, lastPlace, lastSize] = [code, place, size];
  }
  return whole(result.subarray(0, filled), length);
}
