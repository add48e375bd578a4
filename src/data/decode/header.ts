import type { ImageHeader } from '../image.ts';
import { isPngIntact } from './png-checksum.ts';
import { readRareHeader } from './rare-headers.ts';

/** What is decoded, for messages. */
export const READ_FORMATS = 'a JPEG, PNG, WebP, BMP, GIF or TIFF image';

/**
 * Format by content, and size, of an image file. Null where the bytes are of no format that is known or end inside the
 * header. Reads no further than the given bytes and trusts no length in them.
 */
export function readImageHeader(bytes: Uint8Array): ImageHeader | null {
  if (bytes.length >= 3 && bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff)
    return readJpeg(bytes);
  if (bytes.length >= 33 && PNG_SIGNATURE.every((byte, i) => bytes[i] === byte)) return readPng(bytes);
  if (bytes.length >= 30 && ascii(bytes, 0, 'RIFF') && ascii(bytes, 8, 'WEBP')) return readWebp(bytes);
  return readRareHeader(bytes);
}

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

function ascii(bytes: Uint8Array, offset: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[offset + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** ISO/IEC 10918-1 annex B: walks the markers; sizes from the first frame header, `complete` if EOI is reached. */
function readJpeg(bytes: Uint8Array): ImageHeader | null {
  let header: ImageHeader | null = null;
  let position = 2;
  while (position + 1 < bytes.length) {
    if (bytes[position] !== 0xff) {
      // Entropy-coded data, or stray bytes: on to the next marker.
      position = bytes.indexOf(0xff, position);
      if (position < 0) break;
      continue;
    }
    const marker = bytes[position + 1]!;
    if (marker === 0xff) {
      position += 1; // fill byte
    } else if (marker === 0 || marker === 1 || (marker >= 0xd0 && marker <= 0xd8)) {
      position += 2; // stuffed zero, or a marker without content
    } else if (marker === 0xd9) {
      if (header !== null) header.complete = true;
      break;
    } else {
      if (position + 3 >= bytes.length) break;
      const length = bytes[position + 2]! * 256 + bytes[position + 3]!;
      const isFrame =
        marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
      if (isFrame && header === null) {
        if (position + 9 >= bytes.length) break;
        header = {
          format: 'jpeg',
          height: bytes[position + 5]! * 256 + bytes[position + 6]!,
          width: bytes[position + 7]! * 256 + bytes[position + 8]!,
          channels: bytes[position + 9]!,
          bitDepth: bytes[position + 4]!,
          complete: false,
          animated: false,
          scans: 0,
          progressive: (marker & 3) === 2,
        };
      }
      if (marker === 0xda && header !== null) header.scans++;
      position += 2 + Math.max(2, length);
    }
  }
  return header;
}

/** W3C PNG §11.2.2: IHDR comes first. `complete`: every checksum is right up to IEND. */
function readPng(bytes: Uint8Array): ImageHeader | null {
  if (!ascii(bytes, 12, 'IHDR')) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const colorType = bytes[25]!;
  return {
    format: 'png',
    width: view.getUint32(16),
    height: view.getUint32(20),
    channels: [1, 0, 3, 3, 2, 0, 4][colorType] ?? 0,
    bitDepth: bytes[24]!,
    complete: isPngIntact(bytes),
    animated: false,
    scans: 1,
    progressive: false,
  };
}

/** RFC 9649: a simple lossy, simple lossless or extended file. */
function readWebp(bytes: Uint8Array): ImageHeader | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header: ImageHeader = {
    format: 'webp',
    width: 0,
    height: 0,
    channels: 3,
    bitDepth: 8,
    complete: view.getUint32(4, true) + 8 <= bytes.length,
    animated: false,
    scans: 1,
    progressive: false,
  };
  if (ascii(bytes, 12, 'VP8 ')) {
    header.width = view.getUint16(26, true) & 0x3fff;
    header.height = view.getUint16(28, true) & 0x3fff;
  } else if (ascii(bytes, 12, 'VP8L')) {
    const bits = view.getUint32(21, true);
    header.width = (bits & 0x3fff) + 1;
    header.height = ((bits >>> 14) & 0x3fff) + 1;
  } else if (ascii(bytes, 12, 'VP8X')) {
    header.animated = (bytes[20]! & 2) !== 0;
    header.width = (view.getUint32(24, true) & 0xffffff) + 1;
    header.height = (view.getUint32(26, true) >>> 8) + 1;
  } else return null;
  return header;
}
