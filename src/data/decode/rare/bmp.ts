/** Windows bitmaps: 1, 4, 8, 16, 24 and 32 bits a pixel, plain or run-length encoded. */
import type { RgbImage } from '../../image.ts';
import { readBmp } from '../rare-headers.ts';

const PLAIN = 0;
const RLE8 = 1;
const RLE4 = 2;
const BIT_FIELDS = 3;
const BIT_FIELDS_WITH_ALPHA = 6;

/** What the header says beyond the size. */
interface Layout {
  readonly view: DataView;
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  readonly compression: number;
  /** Where the pixels begin. */
  readonly start: number;
  readonly headerSize: number;
}

export function decodeBmp(bytes: Uint8Array): RgbImage {
  const header = readBmp(bytes);
  if (!header) throw new Error('its header is of no kind that is known');
  const { width, height } = header;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerSize = view.getUint32(14, true);
  const core = headerSize === 12;
  const layout: Layout = {
    ...{ view, width, height, headerSize },
    bits: view.getUint16(core ? 24 : 28, true),
    compression: core ? PLAIN : view.getUint32(30, true),
    start: view.getUint32(10, true),
  };
  const rows = rowsOf(layout, bytes);
  // From the bottom, unless the height is negative.
  const upward = core || view.getInt32(22, true) > 0;
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) rows(y, data, 3 * width * (upward ? height - 1 - y : y));
  return { width, height, data };
}

/** Puts the row of that number, in the order of the file, into `data` at an offset. */
type Rows = (row: number, data: Uint8Array, at: number) => void;

function rowsOf(layout: Layout, bytes: Uint8Array): Rows {
  const { width, height, bits, compression, start } = layout;
  if (compression === RLE8 || compression === RLE4) {
    if (bits !== (compression === RLE8 ? 8 : 4))
      throw new Error('its runs are of another depth than its pixels');
    return ofPalette(layout, bytes, runs(layout, bytes), width, 8);
  }
  if (compression !== PLAIN && compression !== BIT_FIELDS && compression !== BIT_FIELDS_WITH_ALPHA) {
    throw new Error(`its compression (${compression}) is not known`);
  }
  const stride = 4 * Math.ceil((width * bits) / 32);
  if (start + stride * (height - 1) + Math.ceil((width * bits) / 8) > bytes.length) {
    throw new Error('it is cut short');
  }
  const pixels = bytes.subarray(start);
  if (bits === 1 || bits === 4 || bits === 8) return ofPalette(layout, bytes, pixels, stride, bits);
  if (bits === 24) {
    return (row, data, at) => {
      for (let x = 0, from = row * stride; x < width; x++, from += 3) {
        for (let c = 0; c < 3; c++) data[at + 3 * x + c] = pixels[from + 2 - c]!;
      }
    };
  }
  if (bits === 16 || bits === 32) return ofFields(layout, stride);
  throw new Error(`${bits} bits a pixel are not known`);
}

function ofPalette(
  layout: Layout,
  bytes: Uint8Array,
  pixels: Uint8Array,
  stride: number,
  bits: number,
): Rows {
  const { view, width, headerSize } = layout;
  const entry = headerSize === 12 ? 3 : 4;
  const first = 14 + headerSize;
  const said = headerSize === 12 ? 0 : view.getUint32(46, true);
  const colors = Math.min(said === 0 ? 2 ** layout.bits : said, 256);
  if (first + colors * entry > bytes.length) throw new Error('it is cut short in its palette');
  return (row, data, at) => {
    for (let x = 0; x < width; x++) {
      const byte = pixels[row * stride + ((x * bits) >> 3)]!;
      const index = (byte >> (8 - bits - ((x * bits) & 7))) & (2 ** bits - 1);
      if (index >= colors) throw new Error(`a pixel has color ${index} of ${colors}`);
      const color = first + index * entry;
      for (let c = 0; c < 3; c++) data[at + 3 * x + c] = bytes[color + 2 - c]!;
    }
  };
}

/** Pixels of 16 or 32 bits, whose channels lie where masks say. */
function ofFields({ view, width, bits, compression, start }: Layout, stride: number): Rows {
  const size = bits / 8;
  const usual = bits === 16 ? [0x7c00, 0x3e0, 0x1f] : [0xff0000, 0xff00, 0xff];
  // In larger headers they have their place at the end of the 40 bytes, too.
  const masks = compression === PLAIN ? usual : [54, 58, 62].map((at) => view.getUint32(at, true));
  const channels = masks.map((mask) => {
    if (mask === 0) throw new Error('a color has no bits');
    const shift = 31 - Math.clz32(mask & -mask);
    return { mask, shift, most: mask >>> shift };
  });
  return (row, data, at) => {
    for (let x = 0; x < width; x++) {
      const place = start + row * stride + x * size;
      const pixel = size === 2 ? view.getUint16(place, true) : view.getUint32(place, true);
      for (const [c, { mask, shift, most }] of channels.entries()) {
        data[at + 3 * x + c] = Math.floor((((pixel & mask) >>> shift) * 255) / most);
      }
    }
  };
}

/** Indices of colors, a byte each, without padding, of run-length encoded pixels. What runs leave out is 0. */
function runs({ width, height, compression, start }: Layout, bytes: Uint8Array): Uint8Array {
  const indices = new Uint8Array(width * height);
  const nibbles = compression === RLE4;
  let [x, y] = [0, 0];
  let at = start;
  const next = (): number => {
    const byte = bytes[at++];
    if (byte === undefined) throw new Error('it is cut short');
    return byte;
  };
  const put = (index: number) => {
    if (x < width && y < height) indices[y * width + x] = index;
    x++;
  };
  const pixel = (byte: number, i: number): number => (nibbles ? (i & 1 ? byte & 15 : byte >> 4) : byte);
  while (y < height) {
    const count = next();
    const byte = next();
    if (count > 0) {
      for (let i = 0; i < count; i++) put(pixel(byte, i));
    } else if (byte === 0) {
      [x, y] = [0, y + 1];
    } else if (byte === 1) {
      break;
    } else if (byte === 2) {
      x += next();
      y += next();
    } else {
      const length = nibbles ? (byte + 1) >> 1 : byte;
      let last = 0;
      for (let i = 0; i < byte; i++) {
        if (!nibbles || (i & 1) === 0) last = next();
        put(pixel(last, i));
      }
      // To the next even byte.
      if (length & 1) at++;
    }
  }
  return indices;
}
