/** The photos that a run is about: drawn ones, a folder, files that were dropped. */
import type { DatasetDescription } from './moco-web.ts';

export interface ChosenPhotos {
  readonly data: DatasetDescription;
  /** What people call it: "holiday 2024", "drawn shapes". */
  readonly title: string;
  /** What could not be read, and why. */
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
  /** The thumbnail of a training image; made in workers, kept while the photos are chosen. */
  thumbnail(image: number): Promise<ImageBitmap>;
  /** Seconds of a processor that decoding one takes; 0 until some dozens have been looked at. */
  decodeSeconds(): number;
  /** Lets thumbnails go. */
  dispose(): void;
}
