/** Thumbnails of a data set, made in workers: no thread that a page answers on decodes an image. */
import {
  expectArgument,
  expectOptions,
  type Form,
  type Forms,
  oneOf,
  optional,
  whole,
} from '../arguments.ts';
import type { DatasetDescription } from '../data/dataset.ts';
import { DATASET } from '../data/dataset-form.ts';
import type { DataWorkerApi } from '../data/load/data-worker.ts';
import type { Thumbnail } from '../data/pictures/thumbnail.ts';
import { MocoError } from '../errors.ts';
import { coreCount } from '../runtime/cores.ts';

export interface ThumbnailOptions {
  /** Side in pixels, 1 … 1024; by default 96. Smaller images are not enlarged. */
  size?: number;
  /** Of which images; by default of all, in their order. */
  images?: ArrayLike<number>;
  /** Of which split they are; by default 'train'. */
  split?: 'train' | 'test';
  /** By default half of the processors, as more wants to be done in a page. */
  workers?: number;
}

/** An array of any kind. */
const IMAGES: Form = {
  give: 'an array of whole numbers',
  is: (value) =>
    (Array.isArray(value) || ArrayBuffer.isView(value)) &&
    Array.from(value as ArrayLike<unknown>).every((image) => whole(0).is(image)),
};
const OPTIONS: Forms<ThumbnailOptions> = {
  size: optional(whole(1, 1024)),
  images: optional(IMAGES),
  split: optional(oneOf(['train', 'test'])),
  workers: optional(whole(1)),
};

const SIZE = 96;
/** A message costs as much as some thumbnails; the first are wanted soon. */
const A_MESSAGE = 8;

/**
 * The central square of each image, in the order asked for: an `ImageBitmap` in a page (close it when it is drawn for the last
 * time), elsewhere 8-bit RGB. Each is made once, as they are read; leaving the loop early ends the workers.
 * @throws MocoError usage (no such image, size or split), data-missing (a folder that may not be read any more), worker-died
 */
export async function* thumbnails(
  data: DatasetDescription,
  options: ThumbnailOptions = {},
): AsyncGenerator<Thumbnail> {
  expectArgument('thumbnails', 'data', data, DATASET);
  expectOptions('thumbnails', options, OPTIONS);
  const { size = SIZE, split = 'train' } = options;
  const spec = data[split];
  if (!spec) throw new MocoError('usage', 'there is no test split to make thumbnails of');
  const length = split === 'train' ? data.trainLength : data.testLength;
  const images = Array.from(options.images ?? { length }, (image: number | undefined, i) => image ?? i);
  const workers = options.workers ?? Math.max(1, Math.floor((await coreCount()) / 2));
  const [{ WorkerPool }, { DATA_WORKER }, { keepErrorCodes }] = await Promise.all([
    import('../scheduler/pool.ts'),
    import('../scheduler/worker-scripts.ts'),
    import('../runtime/remote-errors.ts'),
  ]);
  keepErrorCodes();
  const pool = await WorkerPool.start<DataWorkerApi>(DATA_WORKER, workers, (remote) =>
    remote.openThumbnails(spec, size),
  );
  try {
    const asked: Promise<Thumbnail[]>[] = [];
    for (let first = 0; first < images.length || asked.length > 0; ) {
      // One message more than there are workers, so that none waits for whoever reads.
      while (asked.length <= workers && first < images.length) {
        const some = images.slice(first, first + A_MESSAGE);
        const made = pool.run('thumbnails', (remote) => remote.thumbnails(some) as Promise<Thumbnail[]>);
        // Avoids an unhandledRejection; it is awaited in its turn.
        made.catch(() => {});
        asked.push(made);
        first += A_MESSAGE;
      }
      yield* await asked.shift()!;
    }
  } finally {
    await pool.dispose();
  }
}
