/** Images on canvases. */
import type { RgbImage } from './moco-web.ts';

/** A canvas that shows a bitmap, which stays its owner's. */
export function drawBitmap(canvas: HTMLCanvasElement, bitmap: ImageBitmap): void {
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext('2d')!.drawImage(bitmap, 0, 0);
}

export function drawPixels(canvas: HTMLCanvasElement, image: RgbImage): void {
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext('2d')!.putImageData(imageDataOf(image), 0, 0);
}

export function imageDataOf({ width, height, data }: RgbImage): ImageData {
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    pixels.data[4 * i] = data[3 * i]!;
    pixels.data[4 * i + 1] = data[3 * i + 1]!;
    pixels.data[4 * i + 2] = data[3 * i + 2]!;
    pixels.data[4 * i + 3] = 255;
  }
  return pixels;
}
