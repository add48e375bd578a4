import { sha256 } from '../checkpoint/digest.ts';
import type { LoadedCheckpoint } from '../checkpoint/run-directory.ts';
import { type DatasetDescription, withDataset } from '../data/dataset.ts';
import { MocoError } from '../errors.ts';

/**
 * sha256, in hex, of the names and sizes of the training images in their order, a line each. Names count from the folder of the
 * data, which may move; of images that are records of a file there are names alone.
 */
export async function imageDigest({ train, path }: DatasetDescription): Promise<string> {
  return withDataset(train, async (dataset) => {
    const lines: string[] = [];
    for (let i = 0; i < dataset.length; i++) {
      const size = (await dataset.size?.(i)) ?? '';
      lines.push(`${nameIn(path, dataset.name(i))}\t${size}\n`);
    }
    return sha256(new TextEncoder().encode(lines.join('')));
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
