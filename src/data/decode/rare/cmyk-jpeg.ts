import { decode } from 'jpeg-js';
import type { RgbImage } from '../../image.ts';

/** What Adobe's programs put into files whose inks are stored inverted: "Adobe", version 100, no flags, no transform. */
const ADOBE = [0xff, 0xee, 0, 14, 0x41, 0x64, 0x6f, 0x62, 0x65, 0, 100, 0, 0, 0, 0, 0];

/**
 * JPEG of four components, which the codec of the others cannot decode. All are taken to be stored as Adobe stores them, as
 * Pillow does: inverted, and where their mark says so as YCCK.
 */
export function decodeCmykJpeg(bytes: Uint8Array, megabytes: number): RgbImage {
  const { width, height, data } = decode(hasAdobe(bytes) ? bytes : withAdobe(bytes), {
    ...{ useTArray: true, formatAsRGBA: false, tolerantDecoding: false },
    ...{ maxResolutionInMP: Number.POSITIVE_INFINITY, maxMemoryUsageInMB: megabytes },
  });
  return { width, height, data };
}

/** Looks through the segments before the pixels. */
function hasAdobe(bytes: Uint8Array): boolean {
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda; ) {
    if (bytes[at + 1] === 0xee && String.fromCharCode(...bytes.subarray(at + 4, at + 9)) === 'Adobe')
      return true;
    at += 2 + Math.max(2, bytes[at + 2]! * 256 + bytes[at + 3]!);
  }
  return false;
}

function withAdobe(bytes: Uint8Array): Uint8Array {
  const marked = new Uint8Array(bytes.length + ADOBE.length);
  marked.set(bytes.subarray(0, 2));
  marked.set(ADOBE, 2);
  marked.set(bytes.subarray(2), 2 + ADOBE.length);
  return marked;
}
