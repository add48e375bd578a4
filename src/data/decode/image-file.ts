/** An image file of the operating system. */
import { MocoError } from '../../errors.ts';
import { openFile, type RandomAccessFile } from '../../runtime/data-files.ts';
import type { RgbImage } from '../image.ts';
import { decodeImage } from './decode.ts';
import type { DecodeLimits } from './limits.ts';

/** Larger files are taken for damaged: 100 megapixels of 16-bit RGBA are 800 MB only if nothing is compressed. */
export const MAX_FILE_BYTES = 512 * 1024 * 1024;

/** @throws MocoError image-corrupt — it cannot be decoded; data-missing — it cannot be read, now */
export type ReadImage = (path: string) => Promise<RgbImage>;

export function imageFile(limits: DecodeLimits | undefined): ReadImage {
  return async (path) => decodeImage(await readWhole(path), limits);
}

async function readWhole(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const file = await openFile(path);
  try {
    if (file.size > MAX_FILE_BYTES)
      throw new MocoError('image-corrupt', `${file.size} bytes are too many for an image`);
    return readNow(file, 0, file.size);
  } finally {
    file.close();
  }
}

/**
 * Bytes of a file that had them when it was looked at.
 * @throws MocoError data-missing — it cannot be read, or has become shorter
 */
export function readNow(file: RandomAccessFile, offset: number, length: number): Uint8Array<ArrayBuffer> {
  try {
    return file.read(offset, length);
  } catch (error) {
    if (error instanceof MocoError && error.code === 'data-invalid') {
      throw new MocoError('data-missing', error.message, { cause: error });
    }
    throw error;
  }
}
