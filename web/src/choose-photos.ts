/** Photos as they are chosen: drawn by the package, or given by people; and remembered over a reload, as far as browsers do. */
import { findBinaries, unpack } from './cifar-binaries.ts';
import { type DatasetDescription, type FilesDescription, type GivenFiles, library } from './moco-web.ts';
import type { ChosenPhotos } from './photos.ts';
import { ThumbnailDesk } from './thumbnail-desk.ts';

/** What is kept to find them again. */
export type PhotosNote =
  | { readonly kind: 'drawn'; readonly count: number; readonly seed: number }
  | { readonly kind: 'folder'; readonly title: string; readonly labels: boolean };

export interface Photos extends ChosenPhotos {
  /** Whether folders can be taken for labels. */
  readonly hasFolders: boolean;
  /** How many files were left out, as they are no images. */
  readonly noImages: number;
  readonly note: PhotosNote;
  /** As files were found; null of drawn images. */
  readonly files: FilesDescription | null;
}

const DRAWN_SIZE = 32;
const TEST_SHARE = 6;
export const DRAWN = { kind: 'drawn', count: 1200, seed: 1 } as const;

export async function drawnPhotos({ count, seed }: { count: number; seed: number } = DRAWN): Promise<Photos> {
  const { describeDrawn } = await library();
  const data = await describeDrawn(count, Math.ceil(count / TEST_SHARE), DRAWN_SIZE, seed);
  const note = { kind: 'drawn', count, seed } as const;
  const found = { unreadable: [], noImages: 0, hasFolders: false, files: null };
  return photosOf({ ...found, data, title: 'Drawn shapes', note });
}

/**
 * Photos, or the binaries of CIFAR-10.
 * @param given of a drop event, call it in the event itself
 */
export async function givenPhotos(
  given: GivenFiles | Promise<GivenFiles>,
  progress: (done: number, of: number) => void,
): Promise<Photos> {
  const { describeFiles } = loaded ?? (await library());
  const here = given instanceof Promise ? await given : given;
  const binaries = findBinaries(here).catch(() => []);
  try {
    return ofFiles(await describeFiles(here, { progress }), true);
  } catch (error) {
    const found = await binaries;
    if (found.length === 0) throw error;
    return ofFiles(await describeFiles(await unpack(found, progress)), true);
  }
}

/** A drop event is over before a module is loaded: it has to be there when something is dropped. */
let loaded: Awaited<ReturnType<typeof library>> | null = null;
export async function getReadyForDrops(): Promise<void> {
  loaded = await library();
}

/** Those of a note. @throws MocoError data-missing and others, where the folder is gone, or may not be read */
export async function photosOfNote(note: PhotosNote, run: string): Promise<Photos> {
  if (note.kind === 'drawn') return drawnPhotos(note);
  const { restoreFiles } = await library();
  return ofFiles(await restoreFiles(run), note.labels);
}

export function ofFiles(files: FilesDescription, labels: boolean): Photos {
  const title = files.path || 'photos';
  const note = { kind: 'folder', title, labels: labels && files.foldersAreLabels } as const;
  return photosOf({
    data: note.labels ? files : withoutLabels(files),
    title,
    unreadable: files.unreadable,
    noImages: files.noImages,
    hasFolders: files.foldersAreLabels,
    note,
    files,
  });
}

/** The same images; nothing is told of their folders. */
function withoutLabels(data: FilesDescription): DatasetDescription {
  const unlabeled = (spec: DatasetDescription['train']) => ({ ...spec, labels: null });
  return {
    ...data,
    train: unlabeled(data.train),
    test: data.test && unlabeled(data.test),
    classes: [],
    trainLabels: null,
    testLabels: null,
  };
}

function photosOf(photos: Omit<Photos, 'thumbnail' | 'decodeSeconds' | 'dispose'>): Photos {
  const desk = new ThumbnailDesk(photos.data);
  return {
    ...photos,
    thumbnail: (image) => desk.thumbnail(image),
    decodeSeconds: () => desk.decodeSeconds,
    dispose: () => desk.dispose(),
  };
}
