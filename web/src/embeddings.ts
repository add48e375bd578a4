/** The chosen photos as both encoders see them, the one that the run began with and the one that it made: each made once. */
import type { App } from './app.ts';
import { type Neighbors, neighborsOfAll } from './look/neighbors-of-all.ts';
import { typicalSimilarity } from './look/typical.ts';
import { type DatasetDescription, type Encoder, type Index, library } from './moco-web.ts';
import type { ChosenPhotos } from './photos.ts';
import type { Run } from './run.ts';

/** What one encoder makes of the photos. */
export interface Side {
  readonly word: 'before' | 'after';
  /** Steps that it was trained for. */
  readonly step: number;
  readonly rows: readonly Float32Array[];
  readonly index: Index;
  /** How alike any two photos are to it: the chance level of a likeness. */
  readonly typical: number;
  /** For images from elsewhere; loaded when it is first asked for. */
  encoder(): Promise<Encoder>;
  /** The nearest of every photo, found when they are first asked for. */
  neighbors(): Promise<Neighbors>;
}

export interface Embedded {
  /** The training image of each row: what could not be decoded has none. */
  readonly images: Int32Array;
  readonly names: readonly string[];
  /** The label of each row; null where there are none. */
  readonly labels: Int32Array | null;
  readonly classes: readonly string[];
  /** Null where the encoder that the run began with was not kept. */
  readonly before: Side | null;
  readonly after: Side;
}

/** Work that goes on, whichever view is shown. */
export interface Work {
  readonly outcome: Promise<Embedded>;
  /** Of all photos by all encoders. */
  readonly done: number;
  readonly all: number;
  /** Called as `done` grows. */
  listener: (() => void) | null;
}

interface Kept extends Work {
  readonly photos: ChosenPhotos;
  readonly run: Run;
  done: number;
  dispose: (() => Promise<void>)[];
}

let kept: Kept | null = null;

/** @returns null where there are no photos or no run yet */
export function embeddingsOf({ photos, run }: App): Work | null {
  if (!photos || !run) return null;
  if (kept && kept.photos === photos && kept.run === run) return kept;
  forgetEmbeddings();
  const work: Kept = {
    ...{ photos, run, done: 0, all: 2 * photos.data.trainLength, listener: null, dispose: [] },
    outcome: Promise.resolve().then(() => embed(work)),
  };
  // Whoever waits is told, and whoever asks next tries again; one that nobody waits for is no error of the page.
  work.outcome.catch(() => {
    if (kept === work) forgetEmbeddings();
  });
  kept = work;
  return work;
}

/** The next that asks gets those of the newest checkpoint. */
export function forgetEmbeddings(): void {
  const work = kept;
  kept = null;
  if (!work) return;
  work.outcome.catch(() => {}).then(() => Promise.all(work.dispose.map((end) => end())));
}

async function embed(work: Kept): Promise<Embedded> {
  const { data } = work.photos;
  const training: DatasetDescription = { ...data, test: null, testLength: 0, testLabels: null };
  const after = await sideOf(work, 'after', work.run.out, training);
  const before = await sideOf(work, 'before', work.run.start, training).catch((error: unknown) => {
    if ((error as { code?: string }).code === 'data-missing') return null;
    throw error;
  });
  const { images, names } = after;
  const labels = data.trainLabels && images.map((image) => data.trainLabels![image] ?? -1);
  return { images, names, labels, classes: data.classes, before: before?.side ?? null, after: after.side };
}

async function sideOf(work: Kept, word: Side['word'], path: string, data: DatasetDescription) {
  const { loadCheckpoint, embedImages, Encoder, Index } = await library();
  const checkpoint = await loadCheckpoint(path);
  const rows: Float32Array[] = [];
  const images: number[] = [];
  const names: string[] = [];
  for await (const { index, path: name, vector } of embedImages({ checkpoint, data, features: 'backbone' })) {
    rows.push(vector);
    images.push(index);
    names.push(name ?? `photo ${index + 1}`);
    work.done++;
    work.listener?.();
  }
  const index = await Index.from(rows, { names, encoder: path, features: 'backbone' });
  work.dispose.push(() => index.dispose());
  let encoder: Promise<Encoder> | null = null;
  let neighbors: Promise<Neighbors> | null = null;
  const side: Side = {
    ...{ word, step: checkpoint.state.step, rows, index, typical: typicalSimilarity(rows) },
    encoder() {
      if (!encoder) {
        const loading = Encoder.load(checkpoint, { features: 'backbone', workers: 1 });
        work.dispose.push(async () => (await loading.catch(() => null))?.dispose());
        encoder = loading;
      }
      return encoder;
    },
    neighbors() {
      neighbors ??= neighborsOfAll(index, rows);
      return neighbors;
    },
  };
  return { side, images: Int32Array.from(images), names };
}
