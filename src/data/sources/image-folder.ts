import { MocoError } from '../../errors.ts';
import { fileSize, joinPath, listDirectory, openFile } from '../../runtime/data-files.ts';
import { imageFile } from '../decode/image-file.ts';
import { findImages, type ImageSplit } from '../find/image-tree.ts';
import type { Place } from '../find/place.ts';
import type { FileTree } from '../find/walk-images.ts';
import { type PackedStrings, packIntegers, packStrings, stringAt } from '../shared.ts';
import type { Dataset, DatasetSpec, FindOptions, Found, Source } from './source.ts';

/** The list is made once, so that all workers agree on it. */
export interface ImageFolderSpec extends DatasetSpec {
  readonly root: string;
  /** Paths below root, sorted within each class. */
  readonly files: PackedStrings;
  /** Label of each file, −1 for none; null for a flat folder. */
  readonly labels: Int32Array | null;
}

/** Image files in class folders, or in one flat folder. Whatever else is in a folder, it may be one of images. */
export const imageFolder: Source<ImageFolderSpec> = {
  kind: 'imagefolder',
  decodes: true,
  atPath: { claims: ({ kind }) => kind === 'folder', find: findImageFolder },
  open: openImageFolder,
};

/** @throws MocoError data-missing, data-invalid */
async function findImageFolder(
  { path: root }: Place,
  { progress }: FindOptions,
): Promise<Found<ImageFolderSpec>> {
  const { train, test, classes, testProblem, notes } = await findImages(treeAt(root), true, progress);
  const specOf = ({ files, labels }: ImageSplit): ImageFolderSpec => ({
    kind: imageFolder.kind,
    root,
    files: packStrings(files),
    labels: labels && packIntegers(labels),
  });
  return {
    ...{ train: specOf(train), test: test && specOf(test), classes: [...classes], imageSize: null },
    ...{ testProblem, notes },
  };
}

/** The files below a folder of the operating system. */
function treeAt(root: string): FileTree {
  const nameOf = (path: string) => (path === '' ? root : joinPath(root, path));
  return {
    nameOf,
    list: (folder) => listDirectory(nameOf(folder)),
    async begin(path, length) {
      const file = await openFile(nameOf(path));
      try {
        return file.read(0, Math.min(file.size, length));
      } finally {
        file.close();
      }
    },
  };
}

/** Files are read when their image is asked for. */
async function openImageFolder({ root, files, labels, limits }: ImageFolderSpec): Promise<Dataset> {
  const { length } = files.ends;
  const at = (i: number): string => {
    const file = stringAt(files, i);
    if (file === undefined) throw new MocoError('usage', `there is no image ${i}: the data holds ${length}`);
    return joinPath(root, file);
  };
  const read = imageFile(limits);
  return {
    length,
    labels,
    name: at,
    size: (i) => fileSize(at(i)),
    image: (i) => read(at(i)),
    close: () => {},
  };
}
