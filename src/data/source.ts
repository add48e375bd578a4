/** What every source of images gives once it is open. */
import type { RgbImage } from './image.ts';

export interface Dataset {
  readonly length: number;
  /** Class of each image, or null where the data has no classes. */
  readonly labels: Int32Array | null;
  /** Decodes image i. @throws MocoError image-corrupt — it cannot be decoded; the message gives the reason. */
  image(i: number): Promise<RgbImage>;
  /** What image i is called in messages: a path, or file and record. */
  name(i: number): string;
  /** Lets go of open files. Closing again does nothing. */
  close(): void;
}
