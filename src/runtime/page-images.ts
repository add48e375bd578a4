/** Images as pages have them: what an element, a canvas or a frame shows, as pixels. */
import { kindOf } from '../arguments.ts';
import { MocoError, messageOf } from '../errors.ts';

/** What `createImageBitmap` takes beside files and pixels. */
export type PageImage =
  | ImageBitmap
  | HTMLImageElement
  | HTMLVideoElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | VideoFrame;

const KINDS: readonly string[] = [
  'ImageBitmap',
  'HTMLImageElement',
  'HTMLVideoElement',
  'HTMLCanvasElement',
  'OffscreenCanvas',
  'VideoFrame',
];

export const isPageImage = (value: unknown): value is PageImage => KINDS.includes(kindOf(value));

/**
 * What it shows now, as a bitmap that a worker can be given. What was given stays as it is.
 * @throws MocoError image-corrupt where it shows nothing, or nothing that may be read
 */
export async function bitmapOf(image: PageImage): Promise<ImageBitmap> {
  try {
    // One that is still loading would be refused.
    if (kindOf(image) === 'HTMLImageElement') await (image as HTMLImageElement).decode();
    // Of the options both are left out by some browsers, which then convert to sRGB.
    return await createImageBitmap(image, { premultiplyAlpha: 'none', colorSpaceConversion: 'none' });
  } catch (cause) {
    throw new MocoError('image-corrupt', `the ${kindOf(image)} shows no image: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/**
 * RGBA, 8 bits.
 * @throws MocoError image-corrupt where the pixels may not be read (another site's image); usage where there is no canvas
 */
export function pixelsOf(bitmap: ImageBitmap): { data: Uint8ClampedArray; width: number; height: number } {
  const { width, height } = bitmap;
  if (typeof OffscreenCanvas === 'undefined') {
    throw new MocoError('usage', 'bitmaps cannot be read here (no OffscreenCanvas): give a file or pixels');
  }
  try {
    // In this thread's memory, where it is to be read: never on the GPU.
    const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
    if (!context) throw new Error('there is no 2d context');
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, width, height);
  } catch (cause) {
    throw new MocoError('image-corrupt', `its pixels cannot be read: ${messageOf(cause)}`, { cause });
  }
}
