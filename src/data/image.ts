/** A decoded image: 8-bit RGB, rows from the top, 3 bytes a pixel without padding (HWC). */
export interface RgbImage {
  width: number;
  height: number;
  /** [height, width, 3], 0 … 255. */
  data: Uint8Array;
}
