/** Images that people give a page, as data for a run. */
import {
  callback,
  either,
  expectArgument,
  expectOptions,
  type Forms,
  nothing,
  optional,
  text,
  whole,
  yesNo,
} from '../../arguments.ts';
import { MocoError } from '../../errors.ts';
import type { DatasetDescription } from '../dataset.ts';
import { sideFor, withReducedImages } from '../derived/reduce-to.ts';
import type { ImageSplit } from '../find/image-tree.ts';
import type { FilesSpec } from '../sources/files.ts';
import type { Found } from '../sources/source.ts';
import { GIVEN_FILES, type GivenFiles, openGiven } from './given-files.ts';

export interface DescribeFilesOptions {
  /**
   * Whether folders are classes, and `train/` beside `val/` or `test/` splits, as with `describeDataset`. Left out: where
   * there are two classes or more and no image lies beside them. false: all images are taken, in whatever folder, unlabeled.
   */
  labels?: boolean;
  /** What messages call the files; left out: the name of their folder. */
  name?: string;
  /** See withReducedImages: by default 160, which is enough for views of up to 64 pixels; null: whole images. */
  reduceTo?: number | null;
  /** Told how many files were looked into, of how many. */
  progress?: (done: number, of: number) => void;
}

const OPTIONS: Forms<DescribeFilesOptions> = {
  labels: optional(yesNo),
  name: optional(text('a name')),
  reduceTo: optional(either(whole(16), nothing)),
  progress: optional(callback),
};

/** Data from files, with what was not taken. */
export interface FilesDescription extends DatasetDescription {
  /** Whether folders were taken for classes. */
  readonly foldersAreLabels: boolean;
  /** Named like images, but not to be decoded, and why: left out of the data. */
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
  /** How many files are no images, by name and by content: left out, too. Hidden ones are not counted. */
  readonly noImages: number;
}

/**
 * Looks at files that a page was given: which are images, of which classes. Only their beginnings are read; pixels are when
 * views are made, in workers. Files that are no images by name or content are passed over. Works with blobs in Node and Deno, too.
 * @param given of a drop event, call it in the event itself: what was dropped is gone after it
 * @throws MocoError data-missing — no images, or a folder that may not be read; data-invalid — see describeDataset; usage
 */
export async function describeFiles(
  given: GivenFiles,
  options: DescribeFilesOptions = {},
): Promise<FilesDescription> {
  expectArgument('describeFiles', 'given', given, GIVEN_FILES);
  expectOptions('describeFiles', options, OPTIONS);
  const { labels = 'auto', name = null, reduceTo = sideFor(1), progress } = options;
  const tree = await openGiven(given, name);
  // Loaded after the files are in hand: what is dropped has to be looked at in the event itself.
  const [{ findImages }, { splitOf }] = await Promise.all([
    import('../find/image-tree.ts'),
    import('./look-into.ts'),
  ]);
  const { train, test, classes, testProblem, notes, others } = await findImages(tree, labels);
  const total = train.files.length + (test?.files.length ?? 0);
  const looked = { done: 0, tell: () => progress?.(++looked.done, total) };
  const split = (found: ImageSplit) => splitOf(tree, found, looked.tell);
  const trained = await split(train);
  const tested = test && (await split(test));
  const unreadable = [...trained.unreadable, ...(tested?.unreadable ?? [])];
  if (trained.sides.length === 0) {
    const [first] = unreadable;
    throw new MocoError(
      'data-missing',
      `${tree.nameOf('')} holds no image that can be read (${first?.path}: ${first?.reason})`,
    );
  }
  const sides = new Set([...trained.sides, ...(tested?.sides ?? [])]);
  const [side] = sides;
  const found: Found<FilesSpec> = {
    train: trained.spec,
    test: tested && tested.sides.length > 0 ? tested.spec : null,
    classes: [...classes],
    imageSize: sides.size === 1 ? side! : null,
    ...{ testProblem, notes },
  };
  const [{ describe }, { files }] = await Promise.all([
    import('../dataset.ts'),
    import('../sources/files.ts'),
  ]);
  const description = await describe(files, tree.nameOf(''), found);
  const told = { foldersAreLabels: train.labels !== null, unreadable, noImages: others };
  return withReducedImages({ ...description, ...told }, reduceTo);
}
