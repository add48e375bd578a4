import { sha256 as Sha256 } from '@noble/hashes/sha2';
import { bytesToHex } from '@noble/hashes/utils';
import type { LoadedCheckpoint } from '../checkpoint/run-directory.ts';
import { type DatasetDescription, withDataset } from '../data/dataset.ts';
import { MocoError } from '../errors.ts';

/** Images whose sizes are asked for side by side: each costs a way to a disk, which may be far. */
const TOGETHER = 4096;

/**
 * sha256, in hex, of the names and sizes of the training images in their order, a line each. Names count from the folder of the
 * data, which may move; of images that are records of a file there are names alone.
 */
export async function imageDigest({ train, path }: DatasetDescription): Promise<string> {
  return withDataset(train, async (dataset) => {
    const digest = Sha256.create();
    for (let first = 0; first < dataset.length; first += TOGETHER) {
      const length = Math.min(TOGETHER, dataset.length - first);
      const sizes = await Promise.all(Array.from({ length }, (_, i) => dataset.size?.(first + i) ?? ''));
      const lines = sizes.map((size, i) => `${nameIn(path, dataset.name(first + i))}\t${size ?? ''}\n`);
      digest.update(new TextEncoder().encode(lines.join('')));
    }
    return bytesToHex(digest.digest());
  });
}

function nameIn(folder: string | null, name: string): string {
  const isInside = folder !== null && name.startsWith(folder);
  return (isInside ? name.slice(folder.length) : name).replaceAll('\\', '/').replace(/^\/+/, '');
}

/**
 * Resuming means the same images.
 * @returns what to tell where other images are allowed; null where they are the same, or nobody knows
 * @throws MocoError config-mismatch
 */
export function compareImages(
  digest: string,
  resume: LoadedCheckpoint | undefined,
  { path, trainLength }: DatasetDescription,
  allowChanged: boolean,
): string | null {
  const saved = resume?.state.sampler;
  if (saved && saved.images !== trainLength) {
    throw new MocoError(
      'config-mismatch',
      `the saved run learned from ${saved.images} images, not ${trainLength}: give the same ones, or start a new run`,
    );
  }
  if (!saved || saved.digest === null || saved.digest === digest) return null;
  const what =
    `the ${trainLength} images${path === null ? '' : ` of ${path}`} are not those that the saved run learned from` +
    `${saved.path === null ? '' : ` (${saved.path})`}: names or sizes differ`;
  if (allowChanged) return `${what}; going on with these`;
  throw new MocoError(
    'config-mismatch',
    `${what}. Give the same images, start a new run, or allow it: --allow-changed-data (allowChangedData)`,
  );
}
