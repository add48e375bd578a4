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
} from '../arguments.ts';
import { MocoError } from '../errors.ts';
import type { DatasetDescription } from './dataset.ts';
import { beyondLimits, DECODE_LIMITS } from './decode-limits.ts';
import type { FilesSpec } from './files.ts';
import { type BlobTree, GIVEN_FILES, type GivenFiles, openGiven } from './given-files.ts';
import type { ImageHeader } from './image.ts';
import { READ_FORMATS, readImageHeader } from './image-header.ts';
import { findImages, type ImageSplit } from './image-tree.ts';
import { sideFor, withReducedImages } from './reduce-to.ts';
import { packIntegers, packStrings } from './shared.ts';
import type { Found } from './source.ts';
import { isMarkOfImage } from './walk-images.ts';

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

/** Most headers are in the first kilobytes; those of photos come after a thumbnail, in the first 64 KiB or so. */
const HEADER_BYTES = [4096, 2 ** 18] as const;
/** Files looked into side by side. */
const TOGETHER = 16;

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
  // Loaded after the files are in hand: what is dropped has to be looked at in the event itself.
  const [{ describe }, { files }] = await Promise.all([import('./dataset.ts'), import('./files.ts')]);
  const description = await describe(files, tree.nameOf(''), found);
  const told = { foldersAreLabels: train.labels !== null, unreadable, noImages: others };
  return withReducedImages({ ...description, ...told }, reduceTo);
}

interface Split {
  readonly spec: FilesSpec;
  /** Of each image that is taken: its side where it is a square, else null. */
  readonly sides: readonly (number | null)[];
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
}

async function splitOf(tree: BlobTree, found: ImageSplit, tell: () => void): Promise<Split> {
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
