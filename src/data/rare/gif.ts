import { GifReader } from 'omggif';
import type { RgbImage } from '../image.ts';

/** The first picture of a GIF on its screen; what is transparent keeps its color, and what it leaves free is the background's. */
export function decodeGif(bytes: Uint8Array): RgbImage {
  const reader = new GifReader(bytes);
  const { width, height } = reader;
  if (reader.numFrames() === 0) throw new Error('it holds no picture');
  const frame = reader.frameInfo(0);
  if (frame.x + frame.width > width || frame.y + frame.height > height) {
    throw new Error('its first picture goes beyond the screen');
  }
  if (frame.width * frame.height === 0) throw new Error('its first picture has no pixels');
  if (frame.palette_offset === null) throw new Error('it has no palette');
  // Else it would leave out what is transparent.
  (frame as { transparent_index: number | null }).transparent_index = null;
  const rgba = new Uint8Array(4 * width * height);
  if (frame.width < width || frame.height < height) putBackground(bytes, rgba);
  reader.decodeAndBlitFrameRGBA(0, rgba);
  const data = new Uint8Array(3 * width * height);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    data[to] = rgba[from]!;
    data[to + 1] = rgba[from + 1]!;
    data[to + 2] = rgba[from + 2]!;
  }
  return { width, height, data };
}

/** GIF89a §18: a color of the palette of the screen, where it has one. */
function putBackground(bytes: Uint8Array, rgba: Uint8Array): void {
  const flags = bytes[10]!;
  const index = bytes[11]!;
  if ((flags & 0x80) === 0 || index >= 2 ** ((flags & 7) + 1)) return;
  const color = bytes.subarray(13 + 3 * index, 16 + 3 * index);
  for (let at = 0; at < rgba.length; at += 4) rgba.set(color, at);
}
