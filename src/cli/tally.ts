/** What a command reads of images: told when it begins, and weighed when it ends. */
import type { DatasetDescription } from '../data/dataset.ts';
import { unlabeledCount } from '../data/derived/labeled.ts';
import { counted } from '../data/find/walk-images.ts';
import type { Skipped } from '../data/load/loader.ts';

/** Skipped images named one by one; the rest are counted. --json and the log have all. */
const NAMED = 5;
/** Named in --json. */
const LISTED = 10_000;
/** Above this share a warning is printed. */
const WARNED = 0.01;

/** Data in words that programs can read. */
export interface DataFacts {
  readonly kind: string;
  readonly path: string | null;
  readonly images: number;
  /** Of the training images, those that have no class; 0 without classes. */
  readonly unlabeled: number;
  readonly testImages: number;
  readonly classes: readonly string[];
  readonly testHasClasses: boolean;
  readonly notes: readonly string[];
}

/** What it needs of a Terminal. */
interface Printer {
  error(line: string): void;
  exitCode: number;
}

export class ImageTally {
  readonly #skipped = new Map<string, string>();
  readonly #facts: DataFacts;
  readonly #most: number;
  #said = false;

  readonly #isOfCheckpoint: boolean;
  readonly #say: (line: string) => void;
  /** What had to be assumed of images. */
  readonly #told: string[] = [];

  /**
   * @param most the share above which the command fails, 0 … 1
   * @param isOfCheckpoint whether the place is what a checkpoint names, and not what the user does
   * @param say where lines go
   */
  constructor(data: DatasetDescription, most: number, isOfCheckpoint: boolean, say: (line: string) => void) {
    const { kind, path, trainLength, testLength, classes, trainLabels, testLabels, notes = [] } = data;
    this.#facts = {
      ...{ kind, path, images: trainLength, testImages: testLength, classes, notes },
      unlabeled: trainLabels ? unlabeledCount({ ...data, testLabels: null }) : 0,
      testHasClasses: testLabels !== null,
    };
    this.#most = most;
    this.#isOfCheckpoint = isOfCheckpoint;
    this.#say = say;
  }

  /** Says in a line what the data is. */
  tell(): void {
    this.#say(this.#line());
  }

  #line(): string {
    const { kind, path, images, unlabeled, testImages, classes, testHasClasses, notes } = this.#facts;
    const labeled =
      classes.length === 0
        ? `${counted(images, 'training image')}, unlabeled`
        : `${counted(images - unlabeled, 'training image')} in ${counted(classes.length, 'class', 'classes')}` +
          (unlabeled > 0 ? ` and ${unlabeled.toLocaleString('en-US')} unlabeled` : '');
    const test =
      testImages === 0
        ? ''
        : `, ${counted(testImages, 'test image')}${classes.length > 0 && !testHasClasses ? ', unlabeled' : ''}`;
    const where =
      path === null ? kind : `${kind} ${path}${this.#isOfCheckpoint ? ', as the checkpoint says' : ''}`;
    return [`data: ${labeled}${test} (${where})`, ...notes].join('; ');
  }

  /** Names the first of those that come. @param say instead of where lines go, where a progress bar is drawn */
  add(path: string, reason: string, say: (line: string) => void = this.#say): void {
    if (this.#skipped.has(path)) return;
    this.#skipped.set(path, reason);
    if (this.#skipped.size <= NAMED) say(`skipped ${path}: ${reason}`);
  }

  /** For ViewPoolOptions and the like. */
  reports(): { skipped: (images: readonly Skipped[]) => void; tell: (line: string) => void } {
    return {
      skipped: (images) => {
        for (const { path, reason } of images) this.add(path, reason);
      },
      tell: (line) => {
        this.#told.push(line);
        this.#say(line);
      },
    };
  }

  get count(): number {
    return this.#skipped.size;
  }

  get share(): number {
    const { images, testImages } = this.#facts;
    return this.#skipped.size / Math.max(1, images + testImages);
  }

  /** For `--json`. */
  json(): {
    data: DataFacts;
    skipped: { count: number; share: number; images: { path: string; reason: string }[] };
    told: readonly string[];
  } {
    const images = [...this.#skipped].slice(0, LISTED).map(([path, reason]) => ({ path, reason }));
    return { data: this.#facts, skipped: { count: this.count, share: this.share, images }, told: this.#told };
  }

  /** At the end of a command: how many were skipped, and whether that is too many. */
  end(terminal: Printer): void {
    if (this.#said || this.count === 0) return;
    this.#said = true;
    const { images, testImages } = this.#facts;
    const percent = `${(100 * this.share).toFixed(this.share < 0.001 ? 3 : 1)} %`;
    const words = `skipped ${this.count.toLocaleString('en-US')} of ${counted(images + testImages, 'image')} (${percent})`;
    this.#say(this.share > WARNED ? `warning: ${words}: they could not be read or decoded` : words);
    if (this.share > this.#most) {
      terminal.error(`error: more than the share of ${this.#most} that --max-skipped allows`);
      terminal.exitCode ||= 1;
    }
  }
}
