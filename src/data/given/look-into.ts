/** What given files are, by their beginnings. */

import { READ_FORMATS, readImageHeader } from '../decode/header.ts';
import { beyondLimits, DECODE_LIMITS } from '../decode/limits.ts';
import type { ImageSplit } from '../find/image-tree.ts';
import { isMarkOfImage } from '../find/walk-images.ts';
import type { ImageHeader } from '../image.ts';
import { packIntegers, packStrings } from '../shared.ts';
import type { FilesSpec } from '../sources/files.ts';
import type { BlobTree } from './given-files.ts';

/** Most headers are in the first kilobytes; those of photos come after a thumbnail, in the first 64 KiB or so. */
const HEADER_BYTES = [4096, 2 ** 18] as const;
/** Files looked into side by side. */
const TOGETHER = 16;

export interface Split {
  readonly spec: FilesSpec;
  /** Of each image that is taken: its side where it is a square, else null. */
  readonly sides: readonly (number | null)[];
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
}

export async function splitOf(tree: BlobTree, found: ImageSplit, tell: () => void): Promise<Split> {
  const looks: Look[] = new Array(found.files.length);
  let next = 0;
  const lookOn = async () => {
    while (next < found.files.length) {
      const i = next++;
      looks[i] = await lookInto(tree, found.files[i]!);
      tell();
    }
  };
  await Promise.all(Array.from({ length: TOGETHER }, lookOn));
  const taken = looks.flatMap((look, i) => (look.reason === null ? [i] : []));
  const { labels } = found;
  const folder = tree.nameOf('');
  return {
    spec: {
      kind: 'files',
      folder,
      paths: packStrings(taken.map((i) => found.files[i]!)),
      from: tree.root ?? taken.map((i) => looks[i]!.blob!),
      labels: labels && packIntegers(taken.map((i) => labels[i]!)),
    },
    sides: taken.map((i) => looks[i]!.side),
    unreadable: looks.flatMap(({ reason }, i) =>
      reason === null ? [] : [{ path: tree.nameOf(found.files[i]!), reason }],
    ),
  };
}

interface Look {
  readonly blob: Blob | null;
  readonly side: number | null;
  /** Why it cannot be an image; null where it may be one. */
  readonly reason: string | null;
}

async function lookInto(tree: BlobTree, path: string): Promise<Look> {
  try {
    const blob = await tree.blob(path);
    if (blob.size === 0) return { blob, side: null, reason: 'the file is empty' };
    let header: ImageHeader | null = null;
    for (const length of HEADER_BYTES) {
      const bytes = new Uint8Array(await blob.slice(0, length).arrayBuffer());
      if (!isMarkOfImage(bytes)) {
        return { blob, side: null, reason: `not ${READ_FORMATS}: save it as one` };
      }
      header = readImageHeader(bytes);
      if (header) break;
    }
    // One without a header so far is left to the decoder.
    return {
      blob,
      side: header && header.width === header.height ? header.width : null,
      reason: whyNot(header, blob.size),
    };
  } catch (error) {
    return { blob: null, side: null, reason: error instanceof Error ? error.message : String(error) };
  }
}

function whyNot(header: ImageHeader | null, fileBytes: number): string | null {
  if (!header) return null;
  const beyond = beyondLimits(header, fileBytes, DECODE_LIMITS);
  return beyond ?? (header.animated ? 'an animated WebP: save one frame of it' : null);
}
