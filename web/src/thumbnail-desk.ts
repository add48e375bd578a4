/** Thumbnails as they are asked for: made in workers, those asked for together in one go, the last few thousand kept. */
import { type DatasetDescription, library } from './moco-web.ts';
import { imageDataOf } from './pictures.ts';

const SIZE = 96;
/** As the package has it: half of the processors. */
const WORKERS = Math.max(1, (navigator.hardwareConcurrency || 1) >> 1);
/** So many are there before workers are under way. */
const WARM_UP = 8;
/** Of 36 KiB each. */
const MOST_KEPT = 3000;

interface Asked {
  readonly image: number;
  readonly give: (bitmap: ImageBitmap) => void;
  readonly refuse: (error: Error) => void;
}

export class ThumbnailDesk {
  readonly #data: DatasetDescription;
  readonly #kept = new Map<number, Promise<ImageBitmap>>();
  #asked: Asked[] = [];
  #working = false;
  #closed = false;
  #decodeSeconds = 0;

  constructor(data: DatasetDescription) {
    this.#data = data;
  }

  /** @throws where the image cannot be decoded, with the reason */
  thumbnail(image: number): Promise<ImageBitmap> {
    const kept = this.#kept.get(image);
    if (kept) {
      // To the end: the first are let go first.
      this.#kept.delete(image);
      this.#kept.set(image, kept);
      return kept;
    }
    const made = new Promise<ImageBitmap>((give, refuse) => this.#asked.push({ image, give, refuse }));
    // Whoever asked is told; nobody else has to listen.
    made.catch(() => {});
    this.#kept.set(image, made);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MOST_KEPT) break;
      this.#kept.delete(oldest);
    }
    // Once all that are asked for now are known.
    if (!this.#working) {
      this.#working = true;
      setTimeout(() => void this.#work());
    }
    return made;
  }

  /** Seconds of a processor that decoding a photo takes, as the first dozens took; 0 before. */
  get decodeSeconds(): number {
    return this.#decodeSeconds;
  }

  dispose(): void {
    this.#closed = true;
    this.#kept.clear();
  }

  async #work(): Promise<void> {
    const { thumbnails } = await library();
    while (this.#asked.length > 0) {
      const asked = this.#asked;
      this.#asked = [];
      try {
        await this.#h(asked, thumbnails);
      } catch (error) {
        for (const { image, refuse } of asked) {
          this.#kept.delete(image);
          refuse(error as Error);
        }
      }
    }
    this.#working = false;
  }

  async #h(
    asked: readonly Asked[],
    thumbnails: Awaited<ReturnType<typeof library>>['thumbnails'],
  ): Promise<void> {
    const images = asked.map(({ image }) => image);
    let next = 0;
    let begun = 0;
    for await (const { image, reason } of thumbnails(this.#data, { images, size: SIZE, workers: WORKERS })) {
      if (this.#closed) throw new Error('other photos were chosen');
      if (next === WARM_UP) begun = performance.now();
      const { give, refuse } = asked[next++]!;
      if (image === null) refuse(new Error(reason));
      else give('data' in image ? await createImageBitmap(imageDataOf(image)) : image);
    }
    const timed = next - WARM_UP;
    if (timed < WARM_UP || this.#decodeSeconds > 0) return;
    this.#decodeSeconds = ((performance.now() - begun) / 1000 / timed) * WORKERS;
  }
}
