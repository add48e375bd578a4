/** A decoded image: 8-bit RGB, rows from the top, 3 bytes a pixel without padding (HWC). */
export interface RgbImage {
  width: number;
  height: number;
  /** [height, width, 3], 0 … 255. */
  data: Uint8Array;
  /** What had to be assumed of the file, in words; left out where nothing had. */
  note?: string;
}

/** What an image file says about itself before any pixel is decoded. */
export interface ImageHeader {
  format: 'jpeg' | 'png' | 'webp' | 'bmp' | 'gif' | 'tiff';
  width: number;
  height: number;
  /** JPEG: 1 gray, 3 color, 4 CMYK. PNG: by color type. TIFF: samples a pixel. Others: 3. */
  channels: number;
  /** Bits of a channel; 16 for PNG and TIFF alone. */
  bitDepth: number;
  /** Whether the file goes on to its end mark, as far as can be told without decoding. */
  complete: boolean;
  /** A WebP film. */
  animated: boolean;
  /** Passes over all pixels: scans of a JPEG, 1 of others. */
  scans: number;
  /** A JPEG in passes, whose coefficients are all kept until its end. */
  progressive: boolean;
}

/** RGB of RGBA; what is transparent keeps its color. */
export function withoutAlpha(image: {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
}): RgbImage {
  const { data: rgba, width, height } = image;
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    data[to] = rgba[from]!;
    data[to + 1] = rgba[from + 1]!;
    data[to + 2] = rgba[from + 2]!;
  }
  return { width, height, data };
}
