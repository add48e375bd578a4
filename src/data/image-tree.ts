/** Which files of a tree of folders are images, of which class and split: for folders of a disk and of a page alike. */
import { MocoError } from '../errors.ts';
import type { DirectoryEntry } from '../runtime/data-files.ts';

/** Files in folders, wherever they lie. Paths are relative, their parts joined by '/'; '' is the top. */
export interface FileTree {
  /** What messages call something in it. */
  nameOf(path: string): string;
  /** Sorted by name, in code-unit order. @throws MocoError data-missing */
  list(folder: string): Promise<readonly DirectoryEntry[]>;
  /** The first `length` bytes of a file, or all where it has fewer. @throws where it cannot be read */
  begin(path: string, length: number): Promise<Uint8Array>;
}

export interface ImageSplit {
  /** Paths, sorted folder by folder within each class. */
  readonly files: readonly string[];
  /** Label of each; null without classes. */
  readonly labels: readonly number[] | null;
  /** How many files were looked at that are no images: not those that are hidden. */
  readonly others: number;
}

export interface FoundImages {
  readonly train: ImageSplit;
  /** Null where there is no second split. */
  readonly test: ImageSplit | null;
  /** By label; empty where folders are no labels. */
  readonly classes: readonly string[];
}

/**
 * Whether sub-folders are classes. 'auto': where there are two or more, and no image lies beside them; else all images are
 * taken, whatever folder they are in, without labels.
 */
export type FolderLabels = boolean | 'auto';

/** Names that mean an image file is meant, decodable or not: what cannot be decoded is to be named, not passed over. */
const IMAGE_NAME = /\.(jpe?g|jfif|png|webp|gif|bmp|tiff?|avif|heic)$/i;
const MAX_DEPTH = 16;
const MAX_FILES = 10_000_000;
const TRAIN_FOLDER = 'train';
const TEST_FOLDERS = ['val', 'test', 'validation', 'valid'];
/** Enough to tell JPEG, PNG and WebP by. */
const MARK_BYTES = 12;

/**
 * Finds the images of a tree, as torchvision's ImageFolder does: a class is a sub-folder, in sorted order; folders inside a
 * class are walked. `train/` with `val/` or `test/` beside it are taken as the splits. Without class folders the images
 * of the folder itself are taken, unlabeled. Files without a known extension are looked into; hidden ones are passed over.
 * @throws MocoError data-missing — no images; data-invalid — a class of the test split is not in the training split, or
 * folders without end.
 */
export async function findImages(tree: FileTree, labels: FolderLabels = true): Promise<FoundImages> {
  const entries = await tree.list('');
  const folders = entries.filter(({ kind }) => kind === 'directory').map(({ name }) => name);
  if (labels === false || !folders.includes(TRAIN_FOLDER)) {
    return { ...(await findSplit(tree, '', labels)), test: null };
  }
  const { train: found, classes } = await findSplit(tree, TRAIN_FOLDER, labels);
  const beside = entries.filter(({ name, kind }) => kind === 'file' && !name.startsWith('.'));
  const aside = beside.filter(({ name }) => !IMAGE_NAME.test(name)).length;
  const train = { ...found, others: found.others + aside };
  const testFolder = TEST_FOLDERS.find((name) => folders.includes(name));
  if (testFolder === undefined) return { train, test: null, classes };
  const test = await findSplit(tree, testFolder, labels === true || train.labels !== null);
  return { train, test: relabel(tree, testFolder, test.train, test.classes, classes), classes };
}

async function findSplit(
  tree: FileTree,
  top: string,
  labels: FolderLabels,
): Promise<Omit<FoundImages, 'test'>> {
  if (labels === false) return unlabeled(tree, top);
  const entries = await tree.list(top);
  const beside: string[] = [];
  const count: Count = { others: 0 };
  // Looked for only where it matters: what lies beside classes may be anything, and many.
  const takeBeside = async () => {
    for (const { name, kind } of entries) {
      const path = inside(top, name);
      if (kind === 'file' && (await isImage(tree, path, name, count))) beside.push(path);
    }
  };
  const classes: string[] = [];
  const files: string[] = [];
  const of: number[] = [];
  for (const { name, kind } of entries) {
    if (kind !== 'directory' || name.startsWith('.')) continue;
    const before = files.length;
    await walk(tree, inside(top, name), 1, files, count);
    if (files.length === before) continue; // no class: nothing in it
    for (let i = before; i < files.length; i++) of.push(classes.length);
    classes.push(name);
  }
  if (files.length > 0) {
    if (labels !== true) await takeBeside();
    const { others } = count;
    if (labels === true || (classes.length >= 2 && beside.length === 0)) {
      return { train: { files, labels: of, others }, classes };
    }
    return unlabeled(tree, top);
  }
  await takeBeside();
  if (beside.length === 0) throw none(tree, top);
  return { train: { files: beside, labels: null, others: count.others }, classes: [] };
}

/** All images at whatever depth. */
async function unlabeled(tree: FileTree, top: string): Promise<Omit<FoundImages, 'test'>> {
  const files: string[] = [];
  const count: Count = { others: 0 };
  await walk(tree, top, 0, files, count);
  if (files.length === 0) throw none(tree, top);
  return { train: { files, labels: null, others: count.others }, classes: [] };
}

async function walk(
  tree: FileTree,
  folder: string,
  depth: number,
  files: string[],
  count: Count,
): Promise<void> {
  if (depth > MAX_DEPTH) {
    const message = `folders nested more than ${MAX_DEPTH} deep: a link loop?`;
    throw new MocoError('data-invalid', `${tree.nameOf(folder)}: ${message}`);
  }
  for (const { name, kind } of await tree.list(folder)) {
    if (name.startsWith('.')) continue;
    const path = inside(folder, name);
    if (kind === 'directory') await walk(tree, path, depth + 1, files, count);
    else if (await isImage(tree, path, name, count)) files.push(path);
    if (files.length > MAX_FILES) {
      const message = `holds more than ${MAX_FILES} images: give a part of it`;
      throw new MocoError('data-invalid', `${tree.nameOf('')} ${message}`);
    }
  }
}

/** Counted as they are passed over. */
interface Count {
  others: number;
}

async function isImage(tree: FileTree, path: string, name: string, count: Count): Promise<boolean> {
  if (name.startsWith('.')) return false;
  if (IMAGE_NAME.test(name)) return true;
  try {
    if (isMarkOfImage(await tree.begin(path, MARK_BYTES))) return true;
  } catch {} // unreadable and not named like an image
  count.others++;
  return false;
}

/** Whether a file that begins like this is a JPEG, PNG or WebP image. */
export function isMarkOfImage(bytes: Uint8Array): boolean {
  const text = String.fromCharCode(...bytes.subarray(0, MARK_BYTES));
  return text.startsWith('\xff\xd8\xff') || text.startsWith('\x89PNG\r\n') || /^RIFF....WEBP/s.test(text);
}

/** Labels of the test split in terms of the training classes. */
function relabel(
  tree: FileTree,
  folder: string,
  split: ImageSplit,
  from: readonly string[],
  to: readonly string[],
): ImageSplit {
  if (split.labels === null) return split;
  const map = from.map((name) => {
    const label = to.indexOf(name);
    if (label >= 0) return label;
    const where = tree.nameOf(inside(folder, name));
    throw new MocoError('data-invalid', `${where}: the training split has no class '${name}'`);
  });
  return { ...split, labels: split.labels.map((label) => map[label]!) };
}

function none(tree: FileTree, folder: string): MocoError {
  const advice = 'expected JPEG, PNG or WebP files in it or in a sub-folder for each class';
  return new MocoError('data-missing', `${tree.nameOf(folder)} holds no images: ${advice}`);
}

const inside = (folder: string, name: string) => (folder === '' ? name : `${folder}/${name}`);
