import { MocoError, messageOf } from '../errors.ts';
import { Random, type Stream } from '../random.ts';
import { augment, evaluationView } from './augment/augment.ts';
import { Canvas } from './augment/canvas.ts';
import { type Recipe, recipeNamed } from './augment/recipes.ts';
import { openDataset } from './dataset.ts';
import type { RgbImage } from './image.ts';
import { SOURCES } from './registry.ts';
import type { Dataset, DatasetSpec, Source } from './source.ts';

/** An image that could not be decoded, and why. */
export interface Skipped {
  index: number;
  path: string;
  reason: string;
}

export interface Views {
  /** float32 [n, 3, S, S]. */
  images: Float32Array<ArrayBuffer>;
  /** Which image each row really shows: the index asked for, or the one that took a corrupt image's place. */
  indices: Uint32Array<ArrayBuffer>;
  /** Corrupt images met on the way, each once a call. */
  skipped: Skipped[];
}

/**
 * Makes batches of views. What it returns is a function of (data, recipe, size, seed) and the arguments alone: neither
 * the number of workers nor what else is in a batch changes a view.
 */
export class ViewLoader {
  private readonly dataset: Dataset;
  private readonly recipe: Recipe;
  private readonly imageSize: number;
  private readonly seed: number;
  private readonly canvas: Canvas;
  /** Reasons by index: a corrupt image is read once. */
  private readonly corrupt = new Map<number, string>();

  /**
   * @param imageSize side of the views in pixels, 1 … 4096.
   * @param canvas that views are made on, here alone.
   * @throws MocoError usage
   */
  constructor(dataset: Dataset, recipe: Recipe, imageSize: number, seed: number, canvas: Canvas) {
    if (!Number.isInteger(imageSize) || imageSize < 1 || imageSize > 4096) {
      throw new MocoError('usage', `image size ${imageSize} is not a whole number from 1 to 4096`);
    }
    this.dataset = dataset;
    this.recipe = recipe;
    this.imageSize = imageSize;
    this.seed = seed;
    this.canvas = canvas;
  }

  /**
   * @param recipe a name of RECIPES, or one of the caller's own
   * @throws MocoError usage, data-missing, data-invalid, backend-unavailable
   */
  static async open(
    spec: DatasetSpec,
    recipe: string | Recipe,
    imageSize: number,
    seed: number,
    sources: readonly Source[] = SOURCES,
  ): Promise<ViewLoader> {
    const known = typeof recipe === 'string' ? recipeNamed(recipe) : recipe;
    const dataset = await openDataset(spec, sources);
    try {
      return new ViewLoader(dataset, known, imageSize, seed, await Canvas.open());
    } catch (error) {
      dataset.close();
      throw error;
    }
  }

  /**
   * Augmented views for training. The random numbers of a view are keyed by (seed, epoch, index asked for, stream).
   * @param stream which of an image's views: STREAMS.firstView or STREAMS.secondView
   * @throws MocoError image-corrupt — no image of the data can be decoded; usage — an index out of range;
   * out-of-memory.
   */
  async views(epoch: number, indices: ArrayLike<number>, stream: Stream): Promise<Views> {
    return this.batch(indices, (image, index, out, offset) => {
      const random = new Random({ seed: this.seed, epoch, image: index, stream });
      augment(this.canvas, image, this.recipe, random, this.imageSize, out, offset);
    });
  }

  /** Evaluation views. Look up labels by the returned `indices`. @throws as `views` */
  async plain(indices: ArrayLike<number>): Promise<Views> {
    return this.batch(indices, (image, _index, out, offset) => {
      evaluationView(this.canvas, image, this.recipe, this.imageSize, out, offset);
    });
  }

  close(): void {
    this.dataset.close();
  }

  private async batch(
    indices: ArrayLike<number>,
    write: (image: RgbImage, index: number, out: Float32Array, offset: number) => void,
  ): Promise<Views> {
    const length = 3 * this.imageSize * this.imageSize;
    const images = new Float32Array(indices.length * length);
    const used = new Uint32Array(indices.length);
    const skipped = new Map<number, Skipped>();
    for (let row = 0; row < indices.length; row++) {
      const index = indices[row]!;
      const found = await this.imageFrom(index, skipped);
      used[row] = found.index;
      write(found.image, index, images, row * length);
    }
    return { images, indices: used, skipped: [...skipped.values()] };
  }

  /** The image, or the next one that can be decoded: i + 1, i + 2, … modulo the length. */
  private async imageFrom(
    start: number,
    skipped: Map<number, Skipped>,
  ): Promise<{ index: number; image: RgbImage }> {
    const { dataset, corrupt } = this;
    if (!Number.isInteger(start) || start < 0 || start >= dataset.length) {
      throw new MocoError('usage', `there is no image ${start}: the data holds ${dataset.length}`);
    }
    for (let step = 0; step < dataset.length; step++) {
      const index = (start + step) % dataset.length;
      let reason = corrupt.get(index);
      if (reason === undefined) {
        try {
          return { index, image: await dataset.image(index) };
        } catch (error) {
          if (!(error instanceof MocoError) || error.code !== 'image-corrupt') throw error;
          reason = messageOf(error);
          corrupt.set(index, reason);
        }
      }
      skipped.set(index, { index, path: dataset.name(index), reason });
    }
    const [first] = skipped.values();
    const example = `${first?.path}: ${first?.reason}`;
    throw new MocoError('image-corrupt', `none of the ${dataset.length} images can be decoded (${example})`);
  }
}
