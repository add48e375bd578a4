/** TIFF 6.0: gray, RGB, palette and CMYK of whole numbers, in strips and tiles, the compressions that Pillow writes by itself. */

import type { RgbImage } from '../../image.ts';
import { fromGray16 } from '../gray16.ts';
import { readTiffTags, type TiffTags } from '../tiff-tags.ts';
import { putCmyk } from './cmyk.ts';
import { unpacked } from './tiff-compression.ts';
import { oriented } from './tiff-orientation.ts';

const WHITE_IS_ZERO = 0;
const BLACK_IS_ZERO = 1;
const RGB = 2;
const PALETTE = 3;
const CMYK = 5;

/** Samples that a pixel has at least, and the bits that each may have. */
const KINDS: Readonly<Record<number, { readonly samples: number; readonly bits: readonly number[] }>> = {
  [WHITE_IS_ZERO]: { samples: 1, bits: [1, 2, 4, 8, 16] },
  [BLACK_IS_ZERO]: { samples: 1, bits: [1, 2, 4, 8, 16] },
  [RGB]: { samples: 3, bits: [8, 16] },
  [PALETTE]: { samples: 1, bits: [1, 2, 4, 8] },
  [CMYK]: { samples: 4, bits: [8] },
};

export function decodeTiff(bytes: Uint8Array): RgbImage {
  const tags = readTiffTags(bytes);
  if (!tags) throw new Error('it is cut short in its header');
  const { width, height, photometric, bits } = tags;
  const kind = KINDS[photometric];
  if (!kind) throw new Error(`its kind of color (${photometric}) is not decoded: save it as RGB`);
  if (!kind.bits.includes(bits) || tags.sampleFormat !== 1) {
    throw new Error(
      `${bits}-bit samples of format ${tags.sampleFormat} are not decoded: save it with 8 bits`,
    );
  }
  if (tags.samples < kind.samples || tags.samples > 16) {
    throw new Error(`${tags.samples} samples a pixel are not of its kind of color`);
  }
  const samples = samplesOf(bytes, tags, kind.samples);
  return oriented(colored(samples, tags), width, height, tags.orientation);
}

/** [height, width, count] of the first samples of all pixels. */
function samplesOf(bytes: Uint8Array, tags: TiffTags, count: number): Uint8Array | Uint16Array {
  const { width, height, bits, together, pieceWidth, pieceHeight, offsets, byteCounts } = tags;
  // One of strips and tiles that is wider or higher than it need be takes memory for nothing.
  if (pieceWidth < 1 || pieceHeight < 1 || pieceWidth > width + 4096 || pieceHeight > height + 4096) {
    throw new Error(`pieces of ${pieceWidth}×${pieceHeight} pixels do not fit its size`);
  }
  const across = Math.ceil(width / pieceWidth);
  const down = Math.ceil(height / pieceHeight);
  const planes = together ? 1 : tags.samples;
  const stored = together ? tags.samples : 1;
  if (offsets.length < across * down * planes) throw new Error('pieces of it are missing');
  const stride = Math.ceil((pieceWidth * stored * bits) / 8);
  const samples =
    bits === 16 ? new Uint16Array(width * height * count) : new Uint8Array(width * height * count);
  for (let plane = 0; plane < (together ? 1 : count); plane++) {
    for (let piece = 0; piece < across * down; piece++) {
      const left = (piece % across) * pieceWidth;
      const top = Math.floor(piece / across) * pieceHeight;
      const rows = Math.min(pieceHeight, height - top);
      const at = plane * across * down + piece;
      const from = offsets[at]!;
      const length = byteCounts[at] ?? bytes.length - from;
      if (from + length > bytes.length) throw new Error('it is cut short');
      // The last strip may be shorter than the others; tiles are all whole, whose lower rows nobody needs.
      const raw = unpacked(bytes.subarray(from, from + length), tags, stride * rows);
      if (tags.predictor === 2) undoDifferences(raw, stride, stored, tags);
      const columns = Math.min(pieceWidth, width - left);
      const read = reader(raw, stride, tags);
      for (let y = 0; y < rows; y++) {
        for (let x = 0; x < columns; x++) {
          const to = ((top + y) * width + left + x) * count;
          if (!together) samples[to + plane] = read(y, x);
          else for (let c = 0; c < count; c++) samples[to + c] = read(y, x * stored + c);
        }
      }
    }
  }
  return samples;
}

/** Sample i of a row. */
function reader(raw: Uint8Array, stride: number, { bits, littleEndian }: TiffTags) {
  if (bits === 8) return (row: number, i: number) => raw[row * stride + i]!;
  if (bits === 16) {
    const [low, high] = littleEndian ? [0, 1] : [1, 0];
    return (row: number, i: number) => {
      const at = row * stride + 2 * i;
      return raw[at + low]! | (raw[at + high]! << 8);
    };
  }
  return (row: number, i: number) => {
    const bit = i * bits;
    return (raw[row * stride + (bit >> 3)]! >> (8 - bits - (bit & 7))) & (2 ** bits - 1);
  };
}

/** Each sample is stored as the difference from that of the pixel before. */
function undoDifferences(
  raw: Uint8Array,
  stride: number,
  stored: number,
  { bits, littleEndian }: TiffTags,
): void {
  if (bits < 8) throw new Error(`differences of ${bits}-bit samples are not decoded`);
  const [low, high] = littleEndian ? [0, 1] : [1, 0];
  for (let row = 0; row < raw.length; row += stride) {
    if (bits === 8) {
      for (let i = stored; i < stride; i++) raw[row + i]! += raw[row + i - stored]!;
      continue;
    }
    for (let i = 2 * stored; i + 1 < stride; i += 2) {
      const at = row + i;
      const before = at - 2 * stored;
      const sum =
        (raw[at + low]! | (raw[at + high]! << 8)) + (raw[before + low]! | (raw[before + high]! << 8));
      raw[at + low] = sum;
      raw[at + high] = sum >> 8;
    }
  }
}

function colored(samples: Uint8Array | Uint16Array, tags: TiffTags): RgbImage {
  const { width, height, photometric, bits, palette } = tags;
  const pixels = width * height;
  const most = 2 ** bits - 1;
  if (photometric === WHITE_IS_ZERO) for (let p = 0; p < pixels; p++) samples[p] = most - samples[p]!;
  if (bits === 16 && photometric !== RGB) return fromGray16(samples as Uint16Array, width, height, null);
  const data = new Uint8Array(3 * pixels);
  for (let p = 0; p < pixels; p++) {
    if (photometric === RGB) {
      for (let c = 0; c < 3; c++) data[3 * p + c] = samples[3 * p + c]! >> (bits - 8);
    } else if (photometric === CMYK) {
      const [c, m, y, k] = samples.subarray(4 * p, 4 * p + 4);
      putCmyk(data, 3 * p, c!, m!, y!, k!);
    } else if (photometric === PALETTE) {
      if (!palette || palette.length < 3 * (most + 1)) throw new Error('its palette is missing');
      for (let c = 0; c < 3; c++) data[3 * p + c] = palette[c * (most + 1) + samples[p]!]! >> 8;
    } else {
      data.fill((samples[p]! * 255) / most, 3 * p, 3 * p + 3);
    }
  }
  return { width, height, data };
}
