/** GIF (87a and 89a): the first picture on its screen. */
import type { RgbImage } from '../../image.ts';

const EXTENSION = 0x21;
const PICTURE = 0x2c;
const END = 0x3b;

/** What is transparent keeps its color; what the picture leaves free of the screen is the background's. */
export function decodeGif(bytes: Uint8Array): RgbImage {
  const at = { place: 13 };
  const width = word(bytes, 6);
  const height = word(bytes, 8);
  const common = palette(bytes, bytes[10]!, at);
  for (;;) {
    const kind = byteAt(bytes, at.place++);
    if (kind === PICTURE) break;
    if (kind === END) throw new Error('it holds no picture');
    if (kind !== EXTENSION) throw new Error('what follows its header is of no kind that is known');
    at.place++;
    blocks(bytes, at);
  }
  const [left, top] = [word(bytes, at.place), word(bytes, at.place + 2)];
  const [across, down] = [word(bytes, at.place + 4), word(bytes, at.place + 6)];
  const flags = byteAt(bytes, at.place + 8);
  at.place += 9;
  const colors = palette(bytes, flags, at) ?? common;
  if (!colors) throw new Error('it has no palette');
  if (across * down === 0) throw new Error('its first picture has no pixels');
  if (left + across > width || top + down > height)
    throw new Error('its first picture is larger than its screen');
  const codeBits = byteAt(bytes, at.place++);
  const indices = unpacked(blocks(bytes, at), codeBits, across * down);
  const data = new Uint8Array(3 * width * height);
  if (common && across * down < width * height)
    fill(data, common.subarray(3 * bytes[11]!, 3 * bytes[11]! + 3));
  const rows = (flags & 0x40) !== 0 ? interlaced(down) : null;
  for (let row = 0; row < down; row++) {
    const y = top + (rows ? rows[row]! : row);
    for (let x = 0; x < across; x++) {
      const color = 3 * indices[row * across + x]!;
      if (color + 3 > colors.length)
        throw new Error(`a pixel has color ${color / 3} of ${colors.length / 3}`);
      const to = 3 * (y * width + left + x);
      for (let c = 0; c < 3; c++) data[to + c] = colors[color + c]!;
    }
  }
  return { width, height, data };
}

function byteAt(bytes: Uint8Array, place: number): number {
  const byte = bytes[place];
  if (byte === undefined) throw new Error('it is cut short');
  return byte;
}

const word = (bytes: Uint8Array, place: number): number =>
  byteAt(bytes, place) | (byteAt(bytes, place + 1) << 8);

/** Null where the flags say that there is none. */
function palette(bytes: Uint8Array, flags: number, at: { place: number }): Uint8Array | null {
  if ((flags & 0x80) === 0) return null;
  const start = at.place;
  at.place += 3 * 2 ** ((flags & 7) + 1);
  if (at.place > bytes.length) throw new Error('it is cut short in its palette');
  return bytes.subarray(start, at.place);
}

/** What lies in blocks of up to 255 bytes, up to an empty one. */
function blocks(bytes: Uint8Array, at: { place: number }): Uint8Array {
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const size = byteAt(bytes, at.place++);
    if (size === 0) break;
    byteAt(bytes, at.place + size - 1);
    parts.push(bytes.subarray(at.place, at.place + size));
    at.place += size;
    length += size;
  }
  const all = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/** LZW with codes from the lowest bit on, which grow when they are full (GIF89a, appendix F). */
function unpacked(packed: Uint8Array, codeBits: number, length: number): Uint8Array {
  if (codeBits < 1 || codeBits > 11) throw new Error(`codes of ${codeBits} bits are not known`);
  const clear = 1 << codeBits;
  const end = clear + 1;
  const result = new Uint8Array(length);
  // Of each code where in the result it was first written, and how long it is.
  const places = new Int32Array(4096);
  const sizes = new Int32Array(4096);
  let [filled, next, width, last] = [0, end + 1, codeBits + 1, -1];
  let [held, bits, at] = [0, 0, 0];
  let [lastPlace, lastSize] = [0, 0];
  while (filled < length) {
    while (bits < width) {
      if (at === packed.length) throw new Error('it is cut short');
      held |= packed[at++]! << bits;
      bits += 8;
    }
    const code = held & ((1 << width) - 1);
    held >>>= width;
    bits -= width;
    if (code === end) throw new Error('its pixels end too early');
    if (code === clear) {
      [next, width, last] = [end + 1, codeBits + 1, -1];
      continue;
    }
    const place = filled;
    let size = 1;
    if (code < clear) {
      result[filled++] = code;
    } else {
      const known = code < next;
      // A code that is not made yet is the last string and its first byte.
      if (last < 0 || (!known && code !== next)) throw new Error('a code of it was never made');
      const from = known ? places[code]! : lastPlace;
      size = known ? sizes[code]! : lastSize + 1;
      const stop = Math.min(length, filled + size);
      for (let i = from; filled < stop; i++) result[filled++] = result[i]!;
    }
    if (last >= 0 && next < 4096) {
      // The last string and the first byte of this one lie one after the other.
      places[next] = lastPlace;
      sizes[next] = lastSize + 1;
      next++;
      if (next === 1 << width && width < 12) width++;
    }
    [last, lastPlace, lastSize] = [code, place, size];
  }
  return result;
}

/** The rows in the order in which they are stored: every eighth, those between, and so on. */
function interlaced(rows: number): number[] {
  return [
    [0, 8],
    [4, 8],
    [2, 4],
    [1, 2],
  ].flatMap(([first, step]) => {
    const pass: number[] = [];
    for (let row = first!; row < rows; row += step!) pass.push(row);
    return pass;
  });
}

function fill(data: Uint8Array, color: Uint8Array): void {
  for (let at = 0; at < data.length; at += 3) data.set(color, at);
}
