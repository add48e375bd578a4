/** Where images come from. A source is a file of this folder and a line in registry.ts. */
import type { DecodeLimits } from '../decode/limits.ts';
import type { Place } from '../find/place.ts';
import type { RgbImage } from '../image.ts';

/** An open set of images. */
export interface Dataset {
  readonly length: number;
  /** Class of each image, −1 of one that has none; null where the data has no classes. */
  readonly labels: Int32Array | null;
  /**
   * Decodes image i.
   * @throws MocoError image-corrupt — it cannot be decoded, now or later; data-missing — its file cannot be read, which may be
   * over in a moment. The message gives the reason.
   */
  image(i: number): Promise<RgbImage>;
  /** Bytes of the file of image i; null where it cannot be told. Absent where images have no files of their own. */
  size?(i: number): number | null | Promise<number | null>;
  /** What image i is called in messages: a path, or file and record. */
  name(i: number): string;
  /** Lets go of open files. Closing again does nothing. */
  close(): void;
}

/**
 * What to read, as data that can be posted: every worker opens it for itself. What else is in it, its source knows.
 * What grows with the number of images belongs in shared memory (shared.ts), which no worker gets a copy of.
 */
export interface DatasetSpec {
  /** Of the source that opens it. */
  readonly kind: string;
  /** Which of its images, where not all. */
  readonly only?: Int32Array;
  /** Larger images are reduced to this shorter side in pixels, and kept (reduced.ts); left out: they are as they are. */
  readonly reduceTo?: number;
  /** What an image may cost to decode; left out: DECODE_LIMITS. */
  readonly limits?: DecodeLimits;
}

/** What a source has to say of a whole data set. */
export interface Found<Spec> {
  readonly train: Spec;
  /** Null where the data has no second split. */
  readonly test: Spec | null;
  /** Names of the classes, by label; empty where there are none. */
  readonly classes: string[];
  /** Side in pixels where all images are squares of one size, else null. */
  readonly imageSize: number | null;
  /** Why there is no test split with labels, where something looks like one. */
  readonly testProblem?: string | null;
  /** What was taken for what, and what was left out and why, in words. */
  readonly notes?: readonly string[];
}

/** How a place is looked at. */
export interface FindOptions {
  /** Told now and then how many images were found so far, where looking for them takes time. */
  readonly progress?: ((images: number) => void) | undefined;
  /**
   * Of tar archives: the file of an index of them that a run has kept, `tar-index.bin` in its directory. It is taken where it fits
   * the archives as they lie there, else the index is made anew; which of both is said in `notes`.
   */
  readonly index?: string | undefined;
}

/** An index of tar archives that another process has given, and what it says of where it has it from. */
export interface GivenIndex {
  readonly bytes: Uint8Array;
  readonly note: string | null;
}

/** The same within the package. */
export interface FindSettings extends FindOptions {
  readonly given?: GivenIndex | null | undefined;
}

export interface Source<Spec extends DatasetSpec = DatasetSpec> {
  /** Its name: in specs, in checkpoints, for `--dataset`. */
  readonly kind: string;
  /** Whether images are decoded from files that may be broken, each on its own; else they are pixels as they are. */
  readonly decodes: boolean;
  /** How it is found at a path. Absent where it is not: its specs are made by other means. */
  readonly atPath?: {
    /** Whether `auto` takes what lies there for this source, by the names of files. The first that says so is asked. */
    claims(place: Place): boolean | Promise<boolean>;
    /** @throws MocoError data-missing, data-invalid */
    find(place: Place, options: FindSettings): Promise<Found<Spec>>;
  };
  /** Cheap enough for every worker to do. @throws MocoError data-missing, data-invalid, usage */
  open(spec: Spec): Promise<Dataset>;
}
