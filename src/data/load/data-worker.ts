/** Worker script: makes views and thumbnails of images, called through comlink. */

import { transfer } from 'comlink';
import { MocoError } from '../../errors.ts';
import type { Stream } from '../../random.ts';
import { keepErrorCodes } from '../../runtime/remote-errors.ts';
import { exposeInWorker } from '../../runtime/worker.ts';
import { type Thumbnail, ThumbnailMaker } from '../pictures/thumbnail.ts';
import type { DatasetSpec } from '../sources/source.ts';
import { ViewLoader, type Views } from './loader.ts';

let loader: ViewLoader | null = null;
let maker: ThumbnailMaker | null = null;

function opened(): ViewLoader {
  if (loader === null) throw new MocoError('usage', 'data worker: open() was not called');
  return loader;
}

/** Views are given away, not copied. */
function give(views: Views): Views {
  return transfer(views, [views.images.buffer, views.indices.buffer]);
}

const api = {
  async open(spec: DatasetSpec, recipe: string, imageSize: number, seed: number): Promise<void> {
    loader?.close();
    loader = null;
    loader = await ViewLoader.open(spec, recipe, imageSize, seed);
  },
  async views(epoch: number, indices: ArrayLike<number>, stream: Stream): Promise<Views> {
    return give(await opened().views(epoch, indices, stream));
  },
  async plain(indices: ArrayLike<number>): Promise<Views> {
    return give(await opened().plain(indices));
  },
  async openThumbnails(spec: DatasetSpec, size: number): Promise<void> {
    maker?.close();
    maker = await ThumbnailMaker.open(spec, size);
  },
  async thumbnails(indices: readonly number[]): Promise<Thumbnail[]> {
    if (maker === null) throw new MocoError('usage', 'data worker: openThumbnails() was not called');
    const made: Thumbnail[] = [];
    for (const index of indices) made.push(await maker.make(index));
    return transfer(
      made,
      made.flatMap(({ image }) =>
        image ? ['data' in image ? image.data.buffer : image] : [],
      ) as Transferable[],
    );
  },
};

/** What the worker answers to; see ViewLoader. */
export type DataWorkerApi = typeof api;

keepErrorCodes();
void exposeInWorker(api);
