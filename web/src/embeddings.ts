/** The chosen photos as two encoders see them, the run's and one to compare it with: each is asked once. */
import type { App } from './app.ts';
import { type Eye, lookWith, type Seen } from './encoders.ts';
import { type Neighbors, neighborsOfAll } from './look/neighbors-of-all.ts';
import { typicalSimilarity } from './look/typical.ts';
import { type Encoder, type Index, library } from './moco-web.ts';
import type { ChosenPhotos } from './photos.ts';
import type { Run } from './run.ts';

/** What one encoder makes of the photos. */
export interface Side extends Pick<Seen, 'title' | 'short' | 'step' | 'rows'> {
  readonly word: 'before' | 'after';
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
  /** What is compared with; null before a run, and where that encoder was not kept. */
  readonly before: Side | null;
  readonly after: Side;
  /** Whether nothing has been trained yet: what looks is the encoder of the page. */
  readonly untrained: boolean;
}

/** Work that goes on, whichever view is shown. */
export interface Work {
  readonly outcome: Promise<Embedded>;
  /** Of all photos by all encoders. */
  readonly done: number;
  readonly all: number;
  /** What the run's encoder is compared with. */
  readonly other: Eye;
  /** Called as `done` grows. */
  listener: (() => void) | null;
}

interface Kept extends Work {
  readonly photos: ChosenPhotos;
  readonly run: Run | null;
  readonly sides: Map<Eye, Promise<Made>>;
  done: number;
  dispose: (() => Promise<void>)[];
}

interface Made extends Pick<Seen, 'images' | 'names'> {
  readonly side: Omit<Side, 'word'>;
}

let kept: Kept | null = null;

/** @returns null where there are no photos yet */
export function embeddingsOf({ photos, run }: App): Work | null {
  if (!photos) return null;
  if (kept && kept.photos === photos && kept.run === run) return kept;
  forgetEmbeddings();
  return begin(photos, run, 'start', new Map(), []);
}

/** Compares with another encoder from now on; what the others have seen stays. */
export function compareWith(other: Eye): void {
  if (kept) begin(kept.photos, kept.run, other, kept.sides, kept.dispose);
}

/** The next that asks gets those of the newest checkpoint. */
export function forgetEmbeddings(): void {
  const work = kept;
  kept = null;
  if (!work) return;
  work.outcome.catch(() => {}).then(() => Promise.all(work.dispose.map((end) => end())));
}

function begin(
  photos: ChosenPhotos,
  run: Run | null,
  other: Eye,
  sides: Kept['sides'],
  dispose: Kept['dispose'],
) {
  const eyes: Eye[] = run ? ['now', other] : ['starter'];
  const length = photos.data.trainLength;
  const asked = eyes.filter((eye) => !sides.has(eye)).length;
  const work: Kept = {
    ...{ photos, run, sides, dispose, other, done: 0, all: asked * length, listener: null },
    outcome: Promise.resolve().then(() => embed(work, eyes)),
  };
  // Whoever waits is told, and whoever asks next tries again; one that nobody waits for is no error of the page.
  work.outcome.catch(() => {
    if (kept === work) forgetEmbeddings();
  });
  kept = work;
  return work;
}

async function embed(work: Kept, [first, second]: readonly Eye[]): Promise<Embedded> {
  const { data } = work.photos;
  const after = await sideOf(work, first!);
  const before = second
    ? await sideOf(work, second).catch((error: unknown) => {
        work.sides.delete(second);
        if ((error as { code?: string }).code === 'data-missing') return null;
        throw error;
      })
    : null;
  const { images, names } = after;
  if (before && before.images.length !== images.length) {
    throw new Error('Some photos could be read by one encoder and not by the other: look again.');
  }
  const labels = data.trainLabels && images.map((image) => data.trainLabels![image] ?? -1);
  return {
    ...{ images, names, labels, classes: data.classes, untrained: work.run === null },
    before: before && { ...before.side, word: 'before' },
    after: { ...after.side, word: 'after' },
  };
}

function sideOf(work: Kept, eye: Eye): Promise<Made> {
  const made = work.sides.get(eye) ?? makeSide(work, eye);
  work.sides.set(eye, made);
  return made;
}

async function makeSide(work: Kept, eye: Eye): Promise<Made> {
  const { Index } = await library();
  const seen = await lookWith(eye, work.photos, work.run, () => {
    work.done++;
    work.listener?.();
  });
  const { images, names, rows, load, title, short, step } = seen;
  const index = await Index.from(rows, { names, features: 'backbone' });
  work.dispose.push(() => index.dispose());
  let encoder: Promise<Encoder> | null = null;
  let neighbors: Promise<Neighbors> | null = null;
  const side: Omit<Side, 'word'> = {
    ...{ title, short, step, rows, index, typical: typicalSimilarity(rows) },
    encoder() {
      if (!encoder) {
        const loading = load();
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
  return { side, images, names };
}
