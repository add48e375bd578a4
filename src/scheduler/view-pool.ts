/** Data workers: views of the images of one data set, made beside whatever else is going on. */

import { recipeNameOf } from '../data/augment/recipes.ts';
import type { DataWorkerApi } from '../data/load/data-worker.ts';
import type { Skipped, Views } from '../data/load/loader.ts';
import type { DatasetSpec } from '../data/sources/source.ts';
import type { Stream } from '../random.ts';
import { WorkerPool } from './pool.ts';
import { DATA_WORKER } from './worker-scripts.ts';

export interface ViewPoolOptions {
  /** A name of data/augment/recipes.ts. */
  readonly recipe: string;
  readonly imageSize: number;
  readonly seed: number;
  readonly workers: number;
  /** Told of each worker that is replaced, and of what had to be assumed of an image, in words for people. */
  readonly tell?: (message: string) => void;
  /** Told of images that cannot be read or decoded, each once. */
  readonly skipped?: (images: readonly Skipped[]) => void;
}

/** How the images of a configuration are made. */
export function viewOptionsOf(
  config: Parameters<typeof recipeNameOf>[0] & { readonly imageSize: number; readonly seed: number },
  workers: number,
): ViewPoolOptions {
  const { imageSize, seed } = config;
  return { recipe: recipeNameOf(config), imageSize, seed, workers };
}

export class ViewPool {
  readonly #pool: WorkerPool<DataWorkerApi>;
  readonly #known = new Set<number>();
  readonly #options: ViewPoolOptions;
  #fresh: Skipped[] = [];
  #isNoted = false;

  private constructor(pool: WorkerPool<DataWorkerApi>, options: ViewPoolOptions) {
    this.#pool = pool;
    this.#options = options;
  }

  /** @throws MocoError data-missing, data-invalid, worker-died */
  static async start(spec: DatasetSpec, options: ViewPoolOptions): Promise<ViewPool> {
    const { recipe, imageSize, seed, workers, tell } = options;
    const pool = await WorkerPool.start<DataWorkerApi>(
      DATA_WORKER,
      workers,
      (remote) => remote.open(spec, recipe, imageSize, seed),
      { tell },
    );
    return new ViewPool(pool, options);
  }

  /** Augmented views, see ViewLoader.views. @throws as it does, and MocoError worker-died */
  async views(epoch: number, indices: Uint32Array, stream: Stream): Promise<Views> {
    return this.#note(await this.#pool.run('views', (remote) => remote.views(epoch, indices, stream)));
  }

  /** Evaluation views, see ViewLoader.plain. @throws as it does, and MocoError worker-died */
  async plain(indices: Uint32Array): Promise<Views> {
    return this.#note(await this.#pool.run('plain', (remote) => remote.plain(indices)));
  }

  /** Images that could not be read or decoded, met since the last call; each is told of once. */
  takeSkipped(): Skipped[] {
    const fresh = this.#fresh;
    this.#fresh = [];
    return fresh;
  }

  async dispose(): Promise<void> {
    await this.#pool.dispose();
  }

  #note(views: Views): Views {
    const { tell, skipped } = this.#options;
    // Each worker notes its first.
    if (views.note !== null && !this.#isNoted) {
      this.#isNoted = true;
      tell?.(views.note);
    }
    const fresh = views.skipped.filter(({ index }) => !this.#known.has(index));
    for (const { index } of fresh) this.#known.add(index);
    this.#fresh.push(...fresh);
    if (fresh.length > 0) skipped?.(fresh);
    return views;
  }
}
