/** What a command reads of images: told when it begins, and weighed when it ends. */
import type { DatasetDescription } from '../data/dataset.ts';
import { unlabeledCount } from '../data/labeled.ts';
import type { Skipped } from '../data/loader.ts';
import { counted } from '../data/walk-images.ts';

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

  /** @param most the share above which the command fails, 0 … 1 */
  constructor(data: DatasetDescription, most: number) {
    const { kind, path, trainLength, testLength, classes, trainLabels, testLabels, notes = [] } = data;
    this.#facts = {
      ...{ kind, path, images: trainLength, testImages: testLength, classes, notes },
      unlabeled: trainLabels ? unlabeledCount({ ...data, testLabels: null }) : 0,
      testHasClasses: testLabels !== null,
    };
    this.#most = most;
  }

  /** The line that says what the data is. */
  line(): string {
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
    const where = path === null ? kind : `${kind} ${path}`;
    return [`data: ${labeled}${test} (${where})`, ...notes].join('; ');
  }

  /** Names the first of those that come. */
  add(path: string, reason: string, say: (line: string) => void): void {
    if (this.#skipped.has(path)) return;
    this.#skipped.set(path, reason);
    if (this.#skipped.size <= NAMED) say(`skipped ${path}: ${reason}`);
  }

  /** For ViewPoolOptions and the like. */
  reports(terminal: Pick<Printer, 'error'>): {
    skipped: (images: readonly Skipped[]) => void;
    tell: (line: string) => void;
  } {
    const say = (line: string) => terminal.error(line);
    return {
      skipped: (images) => {
        for (const { path, reason } of images) this.add(path, reason, say);
      },
      tell: say,
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
  } {
    const images = [...this.#skipped].slice(0, LISTED).map(([path, reason]) => ({ path, reason }));
    return { data: this.#facts, skipped: { count: this.count, share: this.share, images } };
  }

  /** At the end of a command: how many were skipped, and whether that is too many. */
  end(terminal: Printer, say: (line: string) => void): void {
    if (this.#said || this.count === 0) return;
    this.#said = true;
    const { images, testImages } = this.#facts;
    const percent = `${(100 * this.share).toFixed(this.share < 0.001 ? 3 : 1)} %`;
    const words = `skipped ${this.count.toLocaleString('en-US')} of ${counted(images + testImages, 'image')} (${percent})`;
    say(this.share > WARNED ? `warning: ${words}: they could not be read or decoded` : words);
    if (this.share > this.#most) {
      terminal.error(`error: more than the share of ${this.#most} that --max-skipped allows`);
      terminal.exitCode ||= 1;
    }
  }
}
