import { runtimeName } from './detect.ts';

/**
 * An image as pages draw it, made on this thread, which may give it away to another; null where there are no pages.
 * @param rgb [height, width, 3]
 */
export async function bitmapOf(rgb: Uint8Array, width: number, height: number): Promise<ImageBitmap | null> {
  if (runtimeName() !== 'browser') return null;
  const rgba = new Uint8ClampedArray(4 * width * height);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    rgba[to] = rgb[from]!;
    rgba[to + 1] = rgb[from + 1]!;
    rgba[to + 2] = rgb[from + 2]!;
    rgba[to + 3] = 255;
  }
  return createImageBitmap(new ImageData(rgba, width, height));
}
