/**
 * Decoders of formats that few images have. The build makes one file of them (rare-formats.js), which is loaded when the first such
 * image comes. They throw plain errors, whose messages are for people: decode.ts gives them their code.
 */
import type { RgbImage } from '../../image.ts';
import { decodeBmp } from './bmp.ts';
import { decodeCmykJpeg } from './cmyk-jpeg.ts';
import { decodeGif } from './gif.ts';
import { decodeTiff } from './tiff.ts';

export type RareFormat = 'bmp' | 'gif' | 'tiff' | 'cmyk-jpeg';

export interface RareFormats {
  /** @param megabytes of memory at most, where a decoder counts what it takes. @throws Error with the reason */
  decode(format: RareFormat, bytes: Uint8Array, megabytes: number): RgbImage;
}

const DECODERS: Readonly<Record<RareFormat, (bytes: Uint8Array, megabytes: number) => RgbImage>> = {
  bmp: decodeBmp,
  gif: decodeGif,
  tiff: decodeTiff,
  'cmyk-jpeg': decodeCmykJpeg,
};

export const decode: RareFormats['decode'] = (format, bytes, megabytes) => DECODERS[format](bytes, megabytes);
