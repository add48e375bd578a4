/** Images that are files of a page: blobs, or files below a folder that the user has opened to it. */
import { MocoError, messageOf } from '../errors.ts';
import { Canvas } from './augment/canvas.ts';
import { resizedCrop } from './augment/resize.ts';
import { decodeImage } from './decode.ts';
import { blobInside, folderOpener } from './given-files.ts';
import type { RgbImage } from './image.ts';
import { MAX_FILE_BYTES } from './image-folder.ts';
import { type PackedStrings, stringAt } from './shared.ts';
import type { Dataset, DatasetSpec, Source } from './source.ts';

/** Can be posted: workers get references to blobs, not what is in them. */
export interface FilesSpec extends DatasetSpec {
  /** What messages call the folder that paths are relative to. */
  readonly folder: string;
  readonly paths: PackedStrings;
  /** Of each path its blob, or the folder in which to look for it. */
  readonly from: FileSystemDirectoryHandle | readonly Blob[];
  /** Label of each; null without classes. */
  readonly labels: Int32Array | null;
  /** Larger images are reduced to this shorter side, in pixels, and kept; null: they are as they are. */
  readonly reduceTo: number | null;
}

/** See describeFiles (describe-files.ts), which finds them. */
export const files: Source<FilesSpec> = { kind: 'files', decodes: true, open: openFiles };

/** Images are kept up to this many bytes in all, a worker: to decode a photo takes far longer than to augment it. */
const CACHE_BYTES = 128 * 1024 * 1024;

/** Files are read when their image is asked for. */
async function openFiles({ folder, paths, from, labels, reduceTo }: FilesSpec): Promise<Dataset> {
  const { length } = paths.ends;
  const pathOf = (i: number): string => {
    const path = stringAt(paths, i);
    if (path === undefined) throw new MocoError('usage', `there is no image ${i}: the data holds ${length}`);
    return path;
  };
  const name = (i: number) => `${folder}/${pathOf(i)}`;
  const inside = Array.isArray(from) ? null : folderOpener(from as FileSystemDirectoryHandle);
  const blobs = Array.isArray(from) ? (from as readonly Blob[]) : null;
  const blobOf = async (i: number) => blobs?.[i] ?? blobInside(inside!, pathOf(i));
  const cache = new Map<number, RgbImage>();
  let room = CACHE_BYTES;
  let canvas: Canvas | null = null;
  return {
    length,
    labels,
    name,
    async image(i) {
      const kept = cache.get(i);
      if (kept) return kept;
      let image = await decodeImage(await readWhole(await found(() => blobOf(i), name(i)), name(i)));
      if (reduceTo === null) return image;
      canvas ??= await Canvas.open();
      image = reduced(canvas, image, reduceTo);
      if (image.data.length <= room) {
        room -= image.data.length;
        cache.set(i, image);
      }
      return image;
    },
    close: () => cache.clear(),
  };
}

/** The image with a shorter side of at most `side` pixels, its shape kept, as Pillow's antialiased resize does. */
export function reduced(canvas: Canvas, image: RgbImage, side: number): RgbImage {
  const { width, height } = image;
  const shorter = Math.min(width, height);
  if (shorter <= side) return image;
  const scaled = (length: number) => Math.max(1, Math.round((length * side) / shorter));
  resizedCrop(canvas, image, { top: 0, left: 0, width, height }, scaled(width), scaled(height));
  return canvas.image();
}

async function readWhole(blob: Blob, name: string): Promise<Uint8Array<ArrayBuffer>> {
  if (blob.size > MAX_FILE_BYTES)
    throw new MocoError('image-corrupt', `${blob.size} bytes are too many for an image`);
  return new Uint8Array(await found(() => blob.arrayBuffer(), name));
}

/**
 * What is read of the user's disk, gone or changed since it was chosen perhaps.
 * @throws MocoError image-corrupt of one file; data-missing where the page may not read the folder any more
 */
async function found<T>(read: () => Promise<T>, name: string): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof MocoError) throw cause;
    if ((cause as Error).name === 'NotAllowedError') {
      const advice = 'ask for it again (restoreFiles), or choose the folder anew';
      throw new MocoError('data-missing', `${name}: the page may not read it any more: ${advice}`, { cause });
    }
    throw new MocoError('image-corrupt', messageOf(cause), { cause });
  }
}
