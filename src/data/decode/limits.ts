/** What a file may cost to decode, reckoned from its header: a few bytes can ask for gigabytes, or for minutes. */
import type { ImageHeader } from '../image.ts';

/** A file that goes beyond one of them is skipped, and named. */
export interface DecodeLimits {
  /** Width times height, in millions. */
  readonly megapixels: number;
  /** Memory that decoding takes, in millions of bytes. */
  readonly megabytes: number;
  /**
   * Time that decoding takes on a core of today, reckoned and not measured: the same files are left out on a slow machine as
   * on a fast one.
   */
  readonly seconds: number;
}

export const DECODE_LIMITS: DecodeLimits = { megapixels: 100, megabytes: 1000, seconds: 10 };

/** Why a file goes beyond the limits, with how to allow it; null where it keeps them. */
export function beyondLimits(header: ImageHeader, fileBytes: number, limits: DecodeLimits): string | null {
  const { width, height } = header;
  const pixels = width * height;
  if (pixels > limits.megapixels * 1e6) {
    return `${width}×${height} pixels are more than the ${limits.megapixels} megapixels allowed (--max-megapixels)`;
  }
  const megabytes = Math.ceil((pixels * bytesPerPixel(header) + 2 * fileBytes) / 1e6);
  if (megabytes > limits.megabytes) {
    return `${width}×${height} pixels take ${megabytes} MB to decode, ${limits.megabytes} are allowed (--max-decode-mb)`;
  }
  const seconds = (pixels * nanosecondsPerPixel(header)) / 1e9;
  if (seconds > limits.seconds) {
    const passes = header.scans > 1 ? ` in ${header.scans} passes` : '';
    return `${width}×${height} pixels${passes} take about ${Math.ceil(seconds)} s to decode, ${limits.seconds} are allowed (--max-decode-seconds)`;
  }
  return null;
}

/** What stands in memory at one time: what the codec holds, its RGBA here, and the RGB. */
function bytesPerPixel({ format, channels, bitDepth, progressive }: ImageHeader): number {
  const stored = (channels * Math.max(8, bitDepth)) / 8;
  switch (format) {
    case 'jpeg':
      // jpeg-js has numbers of 4 bytes where the codec has 2.
      if (channels === 4) return 32;
      return 4 + 4 + 3 + (progressive ? 2 * channels : 0);
    case 'png':
      // 16-bit gray goes by way of RGBA of 16 bits.
      return bitDepth === 16 && (channels === 1 || channels === 2) ? stored + 8 + 2 + 3 : stored + 4 + 3;
    case 'webp':
      return 4 + 4 + 4 + 3;
    case 'gif':
      return 1 + 4 + 3;
    case 'bmp':
      return 1 + 3;
    case 'tiff':
      return 2 * stored + 3;
  }
}

/** Measured on one core of a machine of 2023, rounded up; every scan of a JPEG goes over all pixels, an empty one too. */
function nanosecondsPerPixel({ format, channels, scans, progressive }: ImageHeader): number {
  if (format !== 'jpeg') return 60;
  const once = channels === 4 ? 150 : 30;
  return once + (progressive ? 4 * channels * scans : 0);
}

/** Whether a file of so many bytes cannot hold so many pixels, however well they are packed. */
export function tooShort(header: ImageHeader, fileBytes: number): boolean {
  const { format, width, height, bitDepth, progressive } = header;
  const pixels = width * height;
  // Deflate makes at most 1032 bytes of one. A channel at least.
  if (format === 'png') return fileBytes * 1032 < (pixels * bitDepth) / 8;
  // A block of 8×8 takes a bit and more, but in later scans.
  if (format === 'jpeg') return !progressive && fileBytes * 8 < pixels / 64;
  return false;
}
