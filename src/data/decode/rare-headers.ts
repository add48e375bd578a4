/** What files in older formats say about themselves: BMP, GIF and TIFF. */
import type { ImageHeader } from '../image.ts';
import { readTiffTags } from './tiff-tags.ts';

/** Null where the bytes are none of them or end inside the header. */
export function readRareHeader(bytes: Uint8Array): ImageHeader | null {
  const mark = String.fromCharCode(...bytes.subarray(0, 4));
  if (mark.startsWith('BM')) return readBmp(bytes);
  if (mark === 'GIF8') return readGif(bytes);
  if (mark === 'II*\0' || mark === 'MM\0*') return readTiff(bytes);
  return null;
}

const headerOf = (
  format: ImageHeader['format'],
  width: number,
  height: number,
  { channels = 3, bitDepth = 8 } = {},
): ImageHeader => ({
  ...{ format, width, height, channels, bitDepth },
  ...{ complete: true, animated: false, scans: 1, progressive: false },
});

/** BITMAPCOREHEADER of 12 bytes, or BITMAPINFOHEADER of 40 and more; rows are from the bottom where the height is positive. */
export function readBmp(bytes: Uint8Array): ImageHeader | null {
  if (bytes.length < 26) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = view.getUint32(14, true);
  if (size === 12) return headerOf('bmp', view.getUint16(18, true), view.getUint16(20, true));
  if (size < 40 || size > 256 || bytes.length < 34) return null;
  return headerOf('bmp', Math.max(0, view.getInt32(18, true)), Math.abs(view.getInt32(22, true)));
}

/** The screen of GIF89a §18: the first picture may be smaller. */
function readGif(bytes: Uint8Array): ImageHeader | null {
  if (bytes.length < 13) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return headerOf('gif', view.getUint16(6, true), view.getUint16(8, true));
}

function readTiff(bytes: Uint8Array): ImageHeader | null {
  const tags = readTiffTags(bytes);
  if (!tags) return null;
  const { width, height, samples: channels, bits } = tags;
  return headerOf('tiff', width, height, { channels, bitDepth: bits });
}
