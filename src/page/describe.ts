/** What data there is, as everybody describes it: the sources are loaded when they are first asked for. */
import type { DatasetDescription } from '../data/dataset.ts';
import type { FindOptions } from '../data/sources/source.ts';
import { expectFolders, type PathInput } from '../runtime/path-input.ts';

/**
 * Looks at what lies at a path and checks it: files present and of the right size, labels in range.
 * @param path of a folder, a list of images (.txt, .csv), or tar archives (`set.tar`, `shards/*.tar`); also a `file:` URL
 * @param kind how to read it: `cifar10`, `cifar100`, `stl10`, `imagelist`, `tarshards`, `imagefolder`; `auto` goes by the file
 * names found.
 * @param options progress: told now and then how many images were found so far; index: file of an index of tar archives that a
 * run has kept (`tar-index.bin` in its directory), which is taken where it fits the archives: `notes` say so, or why not
 * @throws MocoError data-missing — nothing there, or no images; data-invalid — it is not what `kind` says; usage — no
 * such kind (the message names those that there are); also in a page, which has no folders by path (`describeFiles` takes what it has).
 */
export async function describeDataset(
  path: PathInput,
  kind: string = 'auto',
  options: FindOptions = {},
): Promise<DatasetDescription> {
  expectFolders('describeDataset', 'give the files to describeFiles, or let describeDrawn draw some');
  return (await import('../data/dataset.ts')).describeDataset(path, kind, options);
}

/**
 * The description of images that the package draws itself: ten classes of shape and texture.
 * @param trainCount whole, ≥ 1
 * @param testCount whole, ≥ 1
 * @param size side in pixels
 * @param seed which images they are; the same seed, the same images
 * @throws MocoError usage
 */
export async function describeDrawn(
  trainCount: number,
  testCount: number,
  size: number,
  seed: number,
): Promise<DatasetDescription> {
  return (await import('../data/dataset.ts')).describeDrawn(trainCount, testCount, size, seed);
}
