import { MocoError } from '../../errors.ts';
import { Random, type Stream } from '../../random.ts';
import { augment, evaluationView } from '../augment/augment.ts';
import { Canvas } from '../augment/canvas.ts';
import { type Recipe, recipeNamed } from '../augment/recipes.ts';
import { openDataset } from '../dataset.ts';
import type { RgbImage } from '../image.ts';
import { SOURCES } from '../sources/registry.ts';
import type { Dataset, DatasetSpec, Source } from '../sources/source.ts';
import { PatientReader } from './patience.ts';

/** An image that could not be read or decoded, and why. */
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
  /** Classes of the images that are shown, or null where the data has none. */
  labels: Int32Array<ArrayBuffer> | null;
  /** Images met on the way that could not be read or decoded, each once a call. */
  skipped: Skipped[];
  /** What had to be assumed of an image, in words: of the first such image that a loader met. */
  note: string | null;
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
  private readonly reader: PatientReader;
  /** Reasons by index: a damaged image is read once. What the file system failed to read is tried again the next time. */
  private readonly corrupt = new Map<number, string>();
  private isNoted = false;

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
    this.reader = new PatientReader(dataset);
    this.recipe = recipe;
    this.imageSize = imageSize;
    this.seed = seed;
    this.canvas = canvas;
  }

  /** @param recipe a name of RECIPES. @throws MocoError usage, data-missing, data-invalid, backend-unavailable */
  static async open(
    spec: DatasetSpec,
    recipe: string,
    imageSize: number,
    seed: number,
    sources: readonly Source[] = SOURCES,
  ): Promise<ViewLoader> {
    const known = recipeNamed(recipe);
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
   * @throws MocoError image-corrupt — no image of the data can be decoded; data-missing — files cannot be read any more;
   * usage — an index out of range; out-of-memory.
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
    let note: string | null = null;
    for (let row = 0; row < indices.length; row++) {
      const index = indices[row]!;
      const found = await this.imageFrom(index, skipped);
      used[row] = found.index;
      if (found.image.note !== undefined && !this.isNoted) {
        this.isNoted = true;
        note = `${this.dataset.name(found.index)}: ${found.image.note}; others like it are not named`;
      }
      write(found.image, index, images, row * length);
    }
    const { labels: all } = this.dataset;
    const labels = all && Int32Array.from(used, (index) => all[index]!);
    return { images, indices: used, labels, skipped: [...skipped.values()], note };
  }

  /** The image, or the next one that can be read and decoded: i + 1, i + 2, … modulo the length. */
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
        const read = await this.reader.read(index);
        if (read.image) return { index, image: read.image };
        reason = read.reason;
        if (read.forGood) corrupt.set(index, reason);
      }
      skipped.set(index, { index, path: dataset.name(index), reason });
    }
    const [first] = skipped.values();
    const example = `${first?.path}: ${first?.reason}`;
    throw new MocoError('image-corrupt', `none of the ${dataset.length} images can be decoded (${example})`);
  }
}
