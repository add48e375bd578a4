/** Small pictures of images, for people to look at. */
import { MocoError, messageOf } from '../../errors.ts';
import { bitmapOf } from '../../runtime/bitmaps.ts';
import { Canvas } from '../augment/canvas.ts';
import { resizedCrop } from '../augment/resize.ts';
import { openDataset } from '../dataset.ts';
import type { RgbImage } from '../image.ts';
import type { Dataset, DatasetSpec } from '../sources/source.ts';

/** Of an image; where it cannot be decoded, why. */
export type Thumbnail = ThumbnailOf &
  (
    | { readonly image: ImageBitmap | RgbImage; readonly reason: null }
    | { readonly image: null; readonly reason: string }
  );

interface ThumbnailOf {
  readonly index: number;
  /** Its file, or file and record. */
  readonly path: string;
}

export class ThumbnailMaker {
  readonly #dataset: Dataset;
  readonly #size: number;
  readonly #canvas: Canvas;

  private constructor(dataset: Dataset, size: number, canvas: Canvas) {
    this.#dataset = dataset;
    this.#size = size;
    this.#canvas = canvas;
  }

  /** @throws MocoError usage, data-missing, data-invalid, backend-unavailable */
  static async open(spec: DatasetSpec, size: number): Promise<ThumbnailMaker> {
    if (!Number.isInteger(size) || size < 1 || size > 1024) {
      throw new MocoError('usage', `a thumbnail of ${size} pixels: give a whole number from 1 to 1024`);
    }
    return new ThumbnailMaker(await openDataset(spec), size, await Canvas.open());
  }

  /** @throws MocoError usage — there is no such image */
  async make(index: number): Promise<Thumbnail> {
    const path = this.#dataset.name(index);
    let whole: RgbImage;
    try {
      whole = await this.#dataset.image(index);
    } catch (error) {
      const code = error instanceof MocoError ? error.code : null;
      if (code !== 'image-corrupt' && code !== 'data-missing') throw error;
      return { index, path, image: null, reason: messageOf(error) };
    }
    const { width, height } = whole;
    const side = Math.min(width, height);
    const box = { top: (height - side) >> 1, left: (width - side) >> 1, height: side, width: side };
    const size = Math.min(side, this.#size);
    resizedCrop(this.#canvas, whole, box, size, size);
    const small = this.#canvas.image();
    return { index, path, image: (await bitmapOf(small.data, size, size)) ?? small, reason: null };
  }

  close(): void {
    this.#dataset.close();
  }
}
