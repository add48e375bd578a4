/** Reading images whose files cannot be read at the moment: a disk that is away, a network that fails, too many open files. */
import { MocoError, messageOf } from '../../errors.ts';
import type { RgbImage } from '../image.ts';
import type { Dataset } from '../sources/source.ts';

/** Milliseconds before it is tried again. */
const WAITS = [100, 400, 1500];
/** After so many files in a row it is the disk and no file. */
const MOST_IN_A_ROW = 32;

/** An image, or why there is none. */
export type ReadOutcome =
  | { readonly image: RgbImage; readonly reason: null }
  /** forGood: it is damaged. Else its file could not be read, and may be later. */
  | { readonly image: null; readonly reason: string; readonly forGood: boolean };

export class PatientReader {
  readonly #dataset: Dataset;
  readonly #waits: readonly number[];
  /** Files that could not be read since one could. */
  #inARow = 0;

  constructor(dataset: Dataset, waits: readonly number[] = WAITS) {
    this.#dataset = dataset;
    this.#waits = waits;
  }

  /**
   * Reads image i, several times where its file cannot be read.
   * @throws MocoError data-missing where so many files cannot be read that it is more than they; usage
   */
  async read(i: number): Promise<ReadOutcome> {
    // What was waited for once is not waited for again with the next file.
    const waits = this.#inARow > 0 ? [] : this.#waits;
    for (let tried = 0; ; tried++) {
      try {
        const image = await this.#dataset.image(i);
        this.#inARow = 0;
        return { image, reason: null };
      } catch (error) {
        const code = error instanceof MocoError ? error.code : null;
        if (code === 'image-corrupt') {
          this.#inARow = 0;
          return { image: null, reason: messageOf(error), forGood: true };
        }
        if (code !== 'data-missing') throw error;
        const wait = waits[tried];
        if (wait !== undefined) {
          await new Promise((resolve) => setTimeout(resolve, wait));
          continue;
        }
        if (++this.#inARow >= Math.min(MOST_IN_A_ROW, this.#dataset.length)) {
          const files = this.#inARow === 1 ? '' : `, and ${this.#inARow - 1} files before it`;
          throw new MocoError('data-missing', `${messageOf(error)}${files}: is the disk there?`, {
            cause: error,
          });
        }
        return { image: null, reason: messageOf(error), forGood: false };
      }
    }
  }
}
