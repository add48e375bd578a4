/** The folder of a run, kept beside the run over reloads of the page. */
import { callback, expectArgument, expectOptions, made, optional, record, text } from '../../arguments.ts';
import { MocoError } from '../../errors.ts';
import {
  canKeepHandles,
  deleteHandle,
  getHandle,
  isReadable,
  putHandle,
} from '../../runtime/kept-handles.ts';
import type { FilesSpec } from '../sources/files.ts';
import { type DescribeFilesOptions, describeFiles, type FilesDescription } from './describe-files.ts';

interface KeptFolder {
  readonly root: FileSystemDirectoryHandle;
  readonly options: DescribeFilesOptions;
}

const FROM_FILES = made<FilesDescription>('what describeFiles gave', {
  train: made<FilesSpec>('a spec', { from: record, folder: text() }),
});

/** Whether files will be there after a reload, and if not, why, in words for people. */
export type Kept = { readonly kept: true } | { readonly kept: false; readonly reason: string };

/**
 * Keeps the folder that data was described from, so that `restoreFiles` finds it after a reload. Only a reference is kept,
 * in IndexedDB, and only of a folder that the page was given by handle (`showDirectoryPicker()`, a folder that was
 * dropped in Chromium): files of an `<input>`, and blobs, are gone with the page, which is told and no error.
 * @param name any; of a run its directory, such as 'runs/page'. What was kept under it is forgotten
 * @throws MocoError write-failed (the storage is full, or closed to this page)
 */
export async function keepFiles(name: string, data: FilesDescription): Promise<Kept> {
  expectArgument('keepFiles', 'name', name, text('a name'));
  expectArgument('keepFiles', 'data', data, FROM_FILES);
  const { from, folder, reduceTo = null } = data.train as FilesSpec;
  const root = Array.isArray(from) ? null : (from as FileSystemDirectoryHandle);
  if (!canKeepHandles()) return { kept: false, reason: 'there is no IndexedDB here to keep a folder in' };
  if (!root) {
    await deleteHandle(name);
    const reason = `${folder} was given file by file, which no browser keeps: choose it again after a reload`;
    return { kept: false, reason };
  }
  const options = { labels: data.foldersAreLabels, name: folder, reduceTo };
  await putHandle(name, { root, options } satisfies KeptFolder);
  return { kept: true };
}

/**
 * The data that `keepFiles` kept under a name, as its folder is now. The browser may ask the user first, and does so only in a
 * click or key press: call it there.
 * @throws MocoError data-missing (nothing is kept under that name; the user said no; the folder is gone), usage (the browser
 * asks only in a click), else as describeFiles
 */
export async function restoreFiles(
  name: string,
  options: Pick<DescribeFilesOptions, 'progress'> = {},
): Promise<FilesDescription> {
  expectArgument('restoreFiles', 'name', name, text('a name'));
  expectOptions('restoreFiles', options, { progress: optional(callback) });
  const kept = canKeepHandles() ? ((await getHandle(name)) as KeptFolder | undefined) : undefined;
  if (!kept) throw new MocoError('data-missing', `no folder is kept for ${name}: choose it again`);
  if (!(await isReadable(kept.root))) {
    throw new MocoError('data-missing', `the folder ${kept.root.name} may not be read: choose it again`);
  }
  return describeFiles(kept.root, { ...kept.options, ...options });
}

/** Forgets what is kept under a name, if anything is. */
export async function forgetFiles(name: string): Promise<void> {
  expectArgument('forgetFiles', 'name', name, text('a name'));
  if (canKeepHandles()) await deleteHandle(name);
}
