/** What one view costs a data worker: decoding its image, and making the view of it. */
import { MocoError } from '../../errors.ts';
import { Random, STREAMS } from '../../random.ts';
import { augment, SMALL } from '../augment/augment.ts';
import { Canvas } from '../augment/canvas.ts';
import { recipeNamed } from '../augment/recipes.ts';
import { withDataset } from '../dataset.ts';
import { decodeImage } from '../decode/decode.ts';
import type { RgbImage } from '../image.ts';
import { encodeImage } from '../pictures/encode-png.ts';
import { drawImage } from '../sources/drawn.ts';
import type { DatasetSpec } from '../sources/source.ts';

export interface ViewCosts {
  /** Which images, in words. */
  images: string;
  /** Wall-clock time on one thread until the pixels of an image are there; a mean over the images. */
  decodeMicroseconds: number;
  /** From there to the float32 view. */
  viewMicroseconds: number;
}

/** As many pixels as a photograph of 500 × 375. */
const PHOTO = 432;
const DRAWN = 4;
const OF_DATA = 32;
const ROUNDS = 5;
/** Milliseconds, before what is timed: a decoder starts, and the engine compiles what runs often. */
const WARM_UP = 300;
/** Views of one image a round: one alone is too short for the clock. */
const VIEWS = 20;

/**
 * @param recipe a name of RECIPES
 * @param imageSize side of the views in pixels, 8 … 4096
 * @param data images to take, some of them; null: drawn ones, as PNG files, of the size of the views where that is small, else
 * of a photograph's
 * @throws MocoError usage, data-missing, data-invalid, image-corrupt (none can be decoded), backend-unavailable
 */
export async function measureViews(
  recipe: string,
  imageSize: number,
  data: DatasetSpec | null,
): Promise<ViewCosts> {
  if (data === null) return measureDrawn(recipe, imageSize);
  return withDataset(data, async (dataset) => {
    const count = Math.min(OF_DATA, dataset.length);
    const decoders = Array.from({ length: count }, (_, i) => {
      const index = Math.floor((i * dataset.length) / count);
      return () => dataset.image(index);
    });
    return measure(`${count} of ${dataset.length} images`, recipe, imageSize, decoders);
  });
}

async function measureDrawn(recipe: string, imageSize: number): Promise<ViewCosts> {
  const size = imageSize <= SMALL ? imageSize : PHOTO;
  const files: Uint8Array<ArrayBuffer>[] = [];
  for (let i = 0; i < DRAWN; i++) {
    const { width, height, data } = drawImage({ size, seed: 0, split: 'train' }, i);
    const rgba = new Uint8ClampedArray(4 * width * height).fill(255);
    for (let p = 0; p < width * height; p++) rgba.set(data.subarray(3 * p, 3 * p + 3), 4 * p);
    files.push(await encodeImage(rgba, width, height));
  }
  const decoders = files.map((file) => () => decodeImage(file));
  return measure(`drawn images of ${size}×${size} pixels as PNG`, recipe, imageSize, decoders);
}

async function measure(
  images: string,
  recipe: string,
  imageSize: number,
  decoders: readonly (() => Promise<RgbImage>)[],
): Promise<ViewCosts> {
  const steps = recipeNamed(recipe);
  const canvas = await Canvas.open();
  const out = new Float32Array(3 * imageSize * imageSize);
  const decodable = await sound(decoders);
  const decode: number[] = [];
  const view: number[] = [];
  const began = performance.now();
  for (let epoch = 0; decode.length < ROUNDS; epoch++) {
    const warm = performance.now() - began > WARM_UP;
    let decoding = 0;
    let making = 0;
    for (const [image, decoder] of decodable.entries()) {
      const start = performance.now();
      const pixels = await decoder();
      const decoded = performance.now();
      for (let i = 0; i < VIEWS; i++) {
        const random = new Random({ seed: i, epoch, image, stream: STREAMS.firstView });
        augment(canvas, pixels, steps, random, imageSize, out);
      }
      decoding += decoded - start;
      making += performance.now() - decoded;
    }
    if (!warm) continue;
    decode.push(decoding / decodable.length);
    view.push(making / decodable.length / VIEWS);
  }
  return { images, decodeMicroseconds: 1000 * median(decode), viewMicroseconds: 1000 * median(view) };
}

/** Those whose image can be decoded. */
async function sound<T>(decoders: readonly (() => Promise<T>)[]): Promise<(() => Promise<T>)[]> {
  const result: (() => Promise<T>)[] = [];
  let first: unknown = null;
  for (const decoder of decoders) {
    try {
      await decoder();
      result.push(decoder);
    } catch (error) {
      if (!(error instanceof MocoError) || error.code !== 'image-corrupt') throw error;
      first ??= error;
    }
  }
  if (result.length === 0) throw first;
  return result;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
