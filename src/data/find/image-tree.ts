/** Which files of a tree of folders are images, of which class and split: for folders of a disk and of a page alike. */
import { MocoError } from '../../errors.ts';
import { splitFolders } from './split-names.ts';
import { counted, type FileTree, ImageWalk, inside } from './walk-images.ts';

export interface ImageSplit {
  /** Paths, sorted folder by folder within each class; those without a class come last. */
  readonly files: readonly string[];
  /** Label of each, −1 for those beside class folders; null without classes. */
  readonly labels: readonly number[] | null;
}

export interface FoundImages {
  readonly train: ImageSplit;
  /** Null where there is no second split. */
  readonly test: ImageSplit | null;
  /** Why there is no test split with labels where something looks like one; null otherwise. */
  readonly testProblem: string | null;
  /** By label; empty where folders are no labels. */
  readonly classes: readonly string[];
  /** What was taken for what, and what was left out and why, in words. */
  readonly notes: readonly string[];
  /** How many files were looked at that are no images: not those that are hidden. */
  readonly others: number;
}

/**
 * Whether sub-folders are classes. 'auto': where there are two or more, and no image lies beside them; else all images are
 * taken, whatever folder they are in, without labels.
 */
export type FolderLabels = boolean | 'auto';

/**
 * Finds the images of a tree, as torchvision's ImageFolder does: a class is a sub-folder, in sorted order; folders inside a
 * class are walked. Folders that are named as splits are (split-names.ts) are taken for them, also where they, or the classes, lie
 * in the only folder of the top, as zips unpack. Images beside class folders are taken without a label; without class folders
 * all images are. Files without a known extension are looked into; hidden ones, and run directories of this package, are
 * passed over.
 * @param progress told how many images were found so far, at each folder
 * @throws MocoError data-missing — no images, or a folder that may not be read; data-invalid — too many
 */
export async function findImages(
  tree: FileTree,
  labels: FolderLabels = true,
  progress?: (images: number) => void,
): Promise<FoundImages> {
  const search = new Search(tree, labels, progress);
  const { notes, ...found } = await search.find();
  return { ...found, notes: [...notes, ...search.walk.notes()], others: search.walk.others };
}

class Search {
  readonly walk: ImageWalk;
  readonly #tree: FileTree;
  readonly #labels: FolderLabels;
  readonly #notes: string[] = [];

  constructor(tree: FileTree, labels: FolderLabels, progress: ((images: number) => void) | undefined) {
    this.#tree = tree;
    this.#labels = labels;
    this.walk = new ImageWalk(tree, progress);
  }

  async find(): Promise<Omit<FoundImages, 'others'>> {
    const top = this.#labels === false ? '' : await this.#top();
    if (top !== '') this.#notes.push(`taken from ${top}/, the only folder`);
    const { folders } = await this.walk.look(top);
    const splits = this.#labels === false ? null : splitFolders(folders);
    if (!splits || !(await this.#isSplit(top, splits.train, splits.test, folders))) {
      const { split, classes } = await this.#split(top, this.#labels);
      return { train: split, test: null, testProblem: null, classes, notes: this.#notes };
    }
    const { split: train, classes } = await this.#split(inside(top, splits.train), this.#labels);
    const { test, testProblem, taken } = await this.#test(top, splits.test, train, classes);
    const shown = [splits.train, ...(taken === null ? [] : [taken])].map((name) => `${inside(top, name)}/`);
    this.#notes.unshift(`splits ${shown.join(' and ')}`);
    const left = folders.filter((name) => name !== splits.train && name !== taken);
    await this.#tellLeft(top, left);
    return { train, test, testProblem, classes, notes: this.#notes };
  }

  /** Where the splits or classes lie: down as long as there is one folder, and in it more than images. */
  async #top(): Promise<string> {
    let top = '';
    for (;;) {
      const { images, folders } = await this.walk.look(top);
      const [only] = folders;
      if (images.length > 0 || folders.length !== 1 || splitFolders(folders)) return top;
      const path = inside(top, only!);
      const within = await this.walk.look(path);
      if (within.images.length > 0 || within.folders.length === 0) return top;
      top = path;
    }
  }

  /**
   * Whether a folder named `train` is a split: where there is a test split beside it, classes in it, or nothing else. Else it is a
   * class, such as that of railway trains.
   */
  async #isSplit(
    top: string,
    train: string,
    test: readonly string[],
    folders: readonly string[],
  ): Promise<boolean> {
    if (test.length > 0) return true;
    if ((await this.walk.look(inside(top, train))).folders.length > 0) return true;
    for (const name of folders) {
      if (name !== train && (await this.walk.below(inside(top, name))).length > 0) return false;
    }
    return true;
  }

  async #split(
    top: string,
    labels: FolderLabels,
  ): Promise<{ split: ImageSplit; classes: readonly string[] }> {
    if (labels === false) return this.#unlabeled(top);
    const { images, folders } = await this.walk.look(top);
    const beside = images.map((name) => inside(top, name));
    const classes: string[] = [];
    const empty: string[] = [];
    const files: string[] = [];
    const of: number[] = [];
    for (const name of folders) {
      const found = await this.walk.below(inside(top, name));
      if (found.length === 0) {
        if (!this.walk.isKnownRun(inside(top, name))) empty.push(`${inside(top, name)}/`);
        continue;
      }
      for (const file of found) {
        files.push(file);
        of.push(classes.length);
      }
      classes.push(name);
    }
    if (files.length === 0) {
      if (beside.length === 0) throw none(this.#tree, top);
      return { split: { files: beside, labels: null }, classes: [] };
    }
    if (labels === 'auto' && (classes.length < 2 || beside.length > 0)) return this.#unlabeled(top);
    if (empty.length > 0) this.#notes.push(`no class, as no image is in them: ${empty.join(', ')}`);
    if (beside.length > 0) {
      const words = counted(beside.length, 'image');
      this.#notes.push(
        `${words} beside the class folders${top === '' ? '' : ` of ${top}/`} taken without a label`,
      );
      for (const file of beside) {
        files.push(file);
        of.push(-1);
      }
    }
    return { split: { files, labels: of }, classes };
  }

  /** All images at whatever depth. */
  async #unlabeled(top: string): Promise<{ split: ImageSplit; classes: readonly string[] }> {
    const files = await this.walk.below(top);
    if (files.length === 0) throw none(this.#tree, top);
    return { split: { files, labels: null }, classes: [] };
  }

  /** The first of the folders that holds images. What is odd about it matters to those only who need its labels. */
  async #test(
    top: string,
    folders: readonly string[],
    train: ImageSplit,
    classes: readonly string[],
  ): Promise<{ test: ImageSplit | null; testProblem: string | null; taken: string | null }> {
    let empty: string | null = null;
    for (const name of folders) {
      const path = inside(top, name);
      if ((await this.walk.below(path)).length === 0) {
        empty ??= `${path}/ holds no images`;
        continue;
      }
      const labels = this.#labels === true || train.labels !== null;
      const { split, classes: own } = await this.#split(path, labels);
      const { labels: relabeled, problem } =
        classes.length === 0 ? { labels: null, problem: null } : relabel(split, own, classes, path);
      if (problem !== null) this.#notes.push(`${problem}: its images are unlabeled`);
      return { test: { ...split, labels: relabeled }, testProblem: problem, taken: name };
    }
    if (empty !== null) this.#notes.push(empty);
    return { test: null, testProblem: empty, taken: null };
  }

  async #tellLeft(top: string, names: readonly string[]): Promise<void> {
    const { images } = await this.walk.look(top);
    for (const name of names) {
      const path = inside(top, name);
      const found = (await this.walk.below(path)).length;
      if (found > 0) this.#notes.push(`${path}/ left out (${counted(found, 'image')})`);
    }
    if (images.length > 0) this.#notes.push(`${counted(images.length, 'image')} beside the splits left out`);
  }
}

/** Labels of the test split in terms of the training classes. */
function relabel(
  split: ImageSplit,
  from: readonly string[],
  to: readonly string[],
  folder: string,
): { labels: number[] | null; problem: string | null } {
  if (split.labels === null) return { labels: null, problem: `${folder}/ has no class folders` };
  const unknown = from.filter((name) => !to.includes(name));
  if (unknown.length > 0) {
    const which = `${folder}/ has ${unknown.length === 1 ? 'a class' : 'classes'} that the training split has not`;
    return { labels: null, problem: `${which} (${unknown.slice(0, 3).join(', ')})` };
  }
  const map = from.map((name) => to.indexOf(name));
  return { labels: split.labels.map((label) => (label < 0 ? -1 : map[label]!)), problem: null };
}

function none(tree: FileTree, folder: string): MocoError {
  const advice = 'expected JPEG, PNG, WebP, BMP, GIF or TIFF files in it or in a sub-folder for each class';
  return new MocoError('data-missing', `${tree.nameOf(folder)} holds no images: ${advice}`);
}
