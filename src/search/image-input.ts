/** Images as users have them, and in the form in which they can be posted to a worker and are decoded. */
import { kindOf } from '../arguments.ts';
import { DECODE_LIMITS } from '../data/decode/limits.ts';
import { type RgbImage, withoutAlpha } from '../data/image.ts';
import { MocoError } from '../errors.ts';
import { bitmapOf, isPageImage, type PageImage, pixelsOf } from '../runtime/page-images.ts';
import { placeOf, readBytes } from '../runtime/read-bytes.ts';

/** Pixels, rows from the top: [height, width, 3] RGB or [height, width, 4] RGBA, 0 … 255; alpha is dropped. */
export interface RawImage {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/**
 * - a path (Node, Deno) or an address (string or URL; in a page relative to it) of a file as decodeImage takes it (JPEG, PNG, WebP, BMP, GIF, TIFF);
 * - such a file: Blob or File, or its bytes;
 * - pixels: ImageData, or data with width and height;
 * - what a page shows: an image, canvas or video element, OffscreenCanvas, ImageBitmap, VideoFrame. It stays as it is.
 *
 * Files are decoded by the same code in every runtime, to the same pixels; elements show what the browser made of theirs.
 */
export type ImageInput = string | URL | Blob | ArrayBuffer | Uint8Array | RawImage | ImageData | PageImage;

/** An image that can be posted. */
export type PostableImage =
  | { readonly kind: 'place'; readonly place: string }
  | { readonly kind: 'file'; readonly file: Blob }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'pixels'; readonly pixels: RawImage }
  | { readonly kind: 'bitmap'; readonly bitmap: ImageBitmap };

/** As for the files of a folder. */
const MAX_FILE_BYTES = 512 * 2 ** 20;

/** @throws MocoError usage for what is no image, image-corrupt for an element that shows none */
export async function postable(image: ImageInput): Promise<PostableImage> {
  if (typeof image === 'string') return { kind: 'place', place: placeOf(image) };
  if (isPageImage(image)) return { kind: 'bitmap', bitmap: await bitmapOf(image) };
  switch (kindOf(image)) {
    case 'URL':
      return { kind: 'place', place: placeOf(image as URL) };
    case 'Blob':
    case 'File':
      return { kind: 'file', file: image as Blob };
    case 'ArrayBuffer':
      return { kind: 'bytes', bytes: new Uint8Array(image as ArrayBuffer) };
    case 'Uint8Array':
      return { kind: 'bytes', bytes: image as Uint8Array };
  }
  const { data, width, height } = (image ?? {}) as RawImage;
  checkPixels(image, data, width, height);
  return { kind: 'pixels', pixels: { data, width, height } };
}

function checkPixels(image: unknown, data: unknown, width: unknown, height: unknown): void {
  const isSide = (side: unknown) => Number.isSafeInteger(side) && (side as number) >= 1;
  if (data === undefined || !isSide(width) || !isSide(height)) {
    throw new MocoError(
      'usage',
      `${kindOf(image)} is no image: give a path, a URL, a file or its bytes, an element of a page, or pixels ` +
        'as { data, width, height }',
    );
  }
  if (!['Uint8Array', 'Uint8ClampedArray'].includes(kindOf(data))) {
    throw new MocoError('usage', `pixels are ${kindOf(data)}: give 8-bit RGB or RGBA in a Uint8Array`);
  }
  const pixels = (width as number) * (height as number);
  const { length } = data as Uint8Array;
  const { megapixels } = DECODE_LIMITS;
  if (pixels > megapixels * 1e6 || (length !== 3 * pixels && length !== 4 * pixels)) {
    throw new MocoError(
      'usage',
      `${width}×${height} pixels and ${length} bytes do not fit: give 3 (RGB) or 4 (RGBA) for each, ` +
        `of at most ${megapixels} megapixels`,
    );
  }
}

/** @throws MocoError image-corrupt, data-missing, data-invalid (a file of more than 512 MiB) */
export async function decoded(image: PostableImage): Promise<RgbImage> {
  switch (image.kind) {
    case 'place':
      return decodeFile(await readBytes(image.place, MAX_FILE_BYTES));
    case 'file':
      return decodeFile(new Uint8Array(await image.file.arrayBuffer()));
    case 'bytes':
      // The codecs take no shared memory.
      return decodeFile(new Uint8Array(image.bytes));
    case 'pixels':
      return withoutAlphaOf(image.pixels);
    case 'bitmap':
      return withoutAlpha(pixelsOf(image.bitmap));
  }
}

/** By a decoder that a page's own thread, which only posts images, never loads. */
async function decodeFile(bytes: Uint8Array<ArrayBuffer>): Promise<RgbImage> {
  const { decodeImage } = await import('../data/decode/decode.ts');
  return decodeImage(bytes);
}

function withoutAlphaOf({ data, width, height }: RawImage): RgbImage {
  if (data.length === 4 * width * height) return withoutAlpha({ data, width, height });
  return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), width, height };
}

/** What it is called in messages. */
export function nameOf(image: PostableImage): string {
  if (image.kind === 'place') return image.place.slice(0, 200);
  const { name } = (image.kind === 'file' ? image.file : {}) as { name?: string };
  return name ?? image.kind;
}
