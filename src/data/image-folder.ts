import { MocoError } from '../errors.ts';
import { joinPath, listDirectory, openFile } from '../runtime/data-files.ts';
import { decodeImage } from './decode.ts';
import { folderAt, type Place } from './place.ts';
import { type PackedStrings, packIntegers, packStrings, stringAt } from './shared.ts';
import type { Dataset, DatasetSpec, Found, Source } from './source.ts';

/** The list is made once, so that all workers agree on it. */
export interface ImageFolderSpec extends DatasetSpec {
  readonly root: string;
  /** Paths below root, sorted within each class. */
  readonly files: PackedStrings;
  /** Label of each file; null for a flat folder. */
  readonly labels: Int32Array | null;
}

/** Image files in class folders, or in one flat folder. Whatever else is in a folder, it may be one of images. */
export const imageFolder: Source<ImageFolderSpec> = {
  kind: 'imagefolder',
  decodes: true,
  atPath: { claims: ({ kind }) => kind === 'folder', find: findImageFolder },
  open: openImageFolder,
};

/** Names that mean an image file is meant, decodable or not: what cannot be decoded is to be named, not passed over. */
const IMAGE_NAME = /\.(jpe?g|jfif|png|webp|gif|bmp|tiff?|avif|heic)$/i;
const MAX_DEPTH = 16;
const MAX_FILES = 10_000_000;
/** Larger files are taken for damaged: 100 megapixels of 16-bit RGBA are 800 MB only if nothing is compressed. */
const MAX_FILE_BYTES = 512 * 1024 * 1024;
const TEST_FOLDERS = ['val', 'test', 'validation', 'valid'];

/**
 * Finds the images below a folder, as torchvision's ImageFolder does: a class is a sub-folder, in sorted order; folders
 * inside a class are walked. `train/` with `val/` or `test/` beside it are taken as the splits. Without class folders
 * the images of the folder itself are taken, unlabeled. Files without a known extension are looked into.
 * @throws MocoError data-missing — no images; data-invalid — a class of the test split is not in the training split.
 */
async function findImageFolder(place: Place): Promise<Found<ImageFolderSpec>> {
  const { path, folders } = place;
  if (!folders.includes('train')) {
    const { spec, classes } = await findSplit(place);
    return { train: spec, test: null, classes, imageSize: null };
  }
  const { spec: train, classes } = await findSplit(await folderAt(joinPath(path, 'train')));
  const testFolder = TEST_FOLDERS.find((name) => folders.includes(name));
  if (testFolder === undefined) return { train, test: null, classes, imageSize: null };
  const test = await findSplit(await folderAt(joinPath(path, testFolder)));
  return { train, test: relabel(test.spec, test.classes, classes), classes, imageSize: null };
}

async function findSplit(place: Place): Promise<{ spec: ImageFolderSpec; classes: string[] }> {
  const root = place.path;
  const spec = (files: string[], labels: number[] | null): ImageFolderSpec => ({
    kind: imageFolder.kind,
    root,
    files: packStrings(files),
    labels: labels && packIntegers(labels),
  });
  const classes: string[] = [];
  const files: string[] = [];
  const labels: number[] = [];
  for (const name of place.folders) {
    if (name.startsWith('.')) continue;
    const before = files.length;
    await walk(root, name, 1, files);
    if (files.length === before) continue; // no class: nothing in it
    for (let i = before; i < files.length; i++) labels.push(classes.length);
    classes.push(name);
  }
  if (files.length > 0) return { spec: spec(files, labels), classes };
  for (const name of place.files) if (await isImage(root, name)) files.push(name);
  if (files.length === 0) {
    const advice = 'expected JPEG, PNG or WebP files in it or in a sub-folder for each class';
    throw new MocoError('data-missing', `${root} holds no images: ${advice}`);
  }
  return { spec: spec(files, null), classes };
}

async function walk(root: string, folder: string, depth: number, files: string[]): Promise<void> {
  if (depth > MAX_DEPTH) {
    throw new MocoError(
      'data-invalid',
      `${joinPath(root, folder)}: folders nested more than ${MAX_DEPTH} deep: a link loop?`,
    );
  }
  for (const { name, kind } of await listDirectory(joinPath(root, folder))) {
    if (name.startsWith('.')) continue;
    const path = `${folder}/${name}`;
    if (kind === 'directory') await walk(root, path, depth + 1, files);
    else if (await isImage(root, path)) files.push(path);
    if (files.length > MAX_FILES) {
      throw new MocoError('data-invalid', `${root} holds more than ${MAX_FILES} images: give a part of it`);
    }
  }
}

async function isImage(root: string, path: string): Promise<boolean> {
  if (path.startsWith('.')) return false;
  if (IMAGE_NAME.test(path)) return true;
  try {
    const file = await openFile(joinPath(root, path));
    try {
      const text = String.fromCharCode(...file.read(0, Math.min(file.size, 12)));
      return text.startsWith('\xff\xd8\xff') || text.startsWith('\x89PNG\r\n') || /^RIFF....WEBP/s.test(text);
    } finally {
      file.close();
    }
  } catch {
    return false; // unreadable and not named like an image
  }
}

/** Labels of the test split in terms of the training classes. */
function relabel(spec: ImageFolderSpec, from: string[], to: string[]): ImageFolderSpec {
  if (spec.labels === null) return spec;
  const map = from.map((name) => {
    const label = to.indexOf(name);
    if (label < 0) {
      throw new MocoError(
        'data-invalid',
        `${joinPath(spec.root, name)}: the training split has no class '${name}'`,
      );
    }
    return label;
  });
  return { ...spec, labels: packIntegers(spec.labels.map((label) => map[label]!)) };
}

/** Files are read when their image is asked for. */
async function openImageFolder({ root, files, labels }: ImageFolderSpec): Promise<Dataset> {
  const { length } = files.ends;
  const at = (i: number): string => {
    const file = stringAt(files, i);
    if (file === undefined) throw new MocoError('usage', `there is no image ${i}: the data holds ${length}`);
    return joinPath(root, file);
  };
  return {
    length,
    labels,
    name: at,
    async image(i) {
      return decodeImage(await readWhole(at(i)));
    },
    close: () => {},
  };
}

async function readWhole(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const file = await openFile(path);
    try {
      if (file.size > MAX_FILE_BYTES)
        throw new MocoError('image-corrupt', `${file.size} bytes are too many for an image`);
      return file.read(0, file.size);
    } finally {
      file.close();
    }
  } catch (error) {
    if (error instanceof MocoError && error.code !== 'image-corrupt') {
      throw new MocoError('image-corrupt', error.message, { cause: error }); // gone or unreadable since it was listed
    }
    throw error;
  }
}
