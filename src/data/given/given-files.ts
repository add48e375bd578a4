/** What people give a page (a choice of files, a folder, something dropped) as folders of files. */
import { type Form, kindOf } from '../../arguments.ts';
import { MocoError, messageOf } from '../../errors.ts';
import type { FileTree } from '../find/walk-images.ts';

/**
 * Files as pages get them: what `showDirectoryPicker()` gave, the files of an `<input>` (with `webkitdirectory`, in their
 * folders), what was dropped (`event.dataTransfer`, or its `items`), or a list of blobs, files and handles. A file's path is its
 * `webkitRelativePath`, or its name. Tar archives, where all files are, stand for the files in them.
 */
export type GivenFiles =
  | FileSystemDirectoryHandle
  | DataTransfer
  | DataTransferItemList
  | FileList
  | readonly GivenFile[];

export type GivenFile = Blob | FileSystemFileHandle | FileSystemDirectoryHandle;

export const GIVEN_FILES: Form = {
  give: 'files (of an input, a drop, an array of File or Blob) or the handle of a folder',
  is: (value) =>
    isDirectory(value as GivenFile) ||
    ['DataTransfer', 'DataTransferItemList', 'FileList'].includes(kindOf(value)) ||
    (Array.isArray(value) && value.every((one) => one instanceof Blob || hasKind(one))),
};

/** A handle. */
const hasKind = (one: unknown): boolean => typeof one === 'object' && one !== null && 'kind' in one;

/** Folders whose files can be had, as blobs that are read when they are needed. */
export interface BlobTree extends FileTree {
  /** @throws where it is gone, or may not be read any more */
  blob(path: string): Promise<Blob>;
  /** Where all of it lies in one folder of the user's disk: its handle, which workers open for themselves. */
  readonly root: FileSystemDirectoryHandle | null;
}

/** @param given something dropped is looked at before this returns: it is empty once its event is over */
export function openGiven(given: GivenFiles, name: string | null): Promise<BlobTree> {
  if (isDirectory(given)) return Promise.resolve(treeOfHandle(given, name ?? given.name));
  const list = [...('items' in given ? given.items : (given as Iterable<GivenFile | DataTransferItem>))];
  return list.length > 0 && list.every(isDropped)
    ? treeOfDropped(list, name)
    : treeOfAll(list as GivenFile[], name);
}

/** Not in TypeScript's types, nor in all browsers. */
interface Handled {
  getAsFileSystemHandle?(): Promise<FileSystemDirectoryHandle | FileSystemFileHandle | null | undefined>;
}

/** Something that was dropped: handles where the browser has them (Chromium), which it can keep, else entries. */
async function treeOfDropped(items: Iterable<DataTransferItem>, name: string | null): Promise<BlobTree> {
  // All asked for before anything is awaited. What scripts have made has a file alone.
  const asked = [...items]
    .filter(({ kind }) => kind === 'file')
    .map((item: DataTransferItem & Handled) => ({
      handle: item.getAsFileSystemHandle?.().catch(() => null),
      otherwise: item.webkitGetAsEntry() ?? item.getAsFile(),
    }));
  const given: GivenFile[] = [];
  const found: Found[] = [];
  for (const { handle, otherwise } of asked) {
    const item = (await handle) ?? otherwise;
    if (item === null) continue;
    if ('fullPath' in item) await collectEntry(item, found);
    else given.push(item);
  }
  if (found.length === 0) return treeOfAll(given, name);
  return treeOfFound(await opened([...found, ...(await foundIn(given))]), name);
}

async function treeOfAll(given: readonly GivenFile[], name: string | null): Promise<BlobTree> {
  const [first] = given;
  if (given.length === 1 && isDirectory(first)) return treeOfHandle(first, name ?? first.name);
  const found = await foundIn(given);
  // An archive by itself is the folder of what is in it.
  const label = found.length === 1 && isTar(found[0]!) ? found[0]!.path : null;
  return treeOfFound(await opened(found), name ?? label);
}

const isTar = ({ path }: Found): boolean => /\.tar$/i.test(path);

/** What is in tar archives, where nothing else was given: beside images they are what those came in. */
async function opened(found: readonly Found[]): Promise<readonly Found[]> {
  if (found.length === 0 || !found.every(isTar)) return found;
  const { blobsInTar } = await import('../tar/blobs-in-tar.ts');
  const inside: Found[] = [];
  for (const { path, blob } of found)
    for (const file of await blobsInTar(await blob(), path)) inside.push(file);
  return inside;
}

/** A file, and its path. */
interface Found {
  readonly path: string;
  readonly blob: () => Promise<Blob>;
}

async function foundIn(given: readonly GivenFile[]): Promise<Found[]> {
  const found: Found[] = [];
  for (const [i, one] of given.entries()) {
    if (isDirectory(one)) {
      await collectHandle(one, one.name, found);
    } else if (one instanceof Blob) {
      const { name, webkitRelativePath } = one as Partial<File>;
      found.push({ path: webkitRelativePath || name || `image ${i + 1}`, blob: async () => one });
    } else if (one?.kind === 'file') {
      found.push({ path: one.name, blob: () => one.getFile() });
    } else {
      throw new MocoError(
        'usage',
        `entry ${i} of the files is neither a file, a blob nor a handle: ${String(one)}`,
      );
    }
  }
  return found;
}

async function collectHandle(folder: FileSystemDirectoryHandle, path: string, found: Found[]): Promise<void> {
  for await (const handle of folder.values()) {
    const inside = `${path}/${handle.name}`;
    if (isDirectory(handle)) await collectHandle(handle, inside, found);
    else found.push({ path: inside, blob: () => (handle as FileSystemFileHandle).getFile() });
  }
}

async function collectEntry(entry: FileSystemEntry, found: Found[]): Promise<void> {
  if (entry.isFile) {
    const file = () =>
      new Promise<Blob>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    found.push({ path: entry.fullPath, blob: file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // Some at a time, until none are left.
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (entries.length === 0) return;
    for (const one of entries) await collectEntry(one, found);
  }
}

/** Files whose paths all begin with the same folder lie in that one: it is the top. */
function treeOfFound(given: readonly Found[], name: string | null): BlobTree {
  const parts = given.map(({ path }) => path.split('/').filter((part) => part !== '' && part !== '.'));
  const [top] = parts[0] ?? [];
  const common = given.length > 0 && parts.every((names) => names.length > 1 && names[0] === top);
  const label = name ?? (common ? top! : 'files');
  const folders = new Map<string, Map<string, 'file' | 'directory'>>([['', new Map()]]);
  const files = new Map<string, Found>();
  for (const [i, file] of given.entries()) {
    const names = common ? parts[i]!.slice(1) : parts[i]!;
    let folder = '';
    for (const inner of names.slice(0, -1)) {
      folders.get(folder)!.set(inner, 'directory');
      folder = folder === '' ? inner : `${folder}/${inner}`;
      if (!folders.has(folder)) folders.set(folder, new Map());
    }
    const last = unused(names.at(-1) ?? `image ${i + 1}`, folders.get(folder)!);
    folders.get(folder)!.set(last, 'file');
    files.set(folder === '' ? last : `${folder}/${last}`, file);
  }
  const blob = async (path: string) => files.get(path)!.blob();
  return {
    nameOf: (path) => (path === '' ? label : `${label}/${path}`),
    list: async (folder) =>
      [...folders.get(folder)!].map(([entry, kind]) => ({ name: entry, kind })).sort(byName),
    begin: async (path, length) => beginningOf(await blob(path), length),
    blob,
    root: null,
  };
}

/** Blobs may have one name: the second `a.jpg` is `a (2).jpg`. */
function unused(name: string, taken: ReadonlyMap<string, unknown>): string {
  const [, stem, ending] = /^(.*?)(\.[^.]*)?$/s.exec(name)!;
  for (let number = 1; ; number++) {
    const tried = number === 1 ? name : `${stem} (${number})${ending ?? ''}`;
    if (!taken.has(tried)) return tried;
  }
}

function treeOfHandle(root: FileSystemDirectoryHandle, label: string): BlobTree {
  const open = folderOpener(root);
  const nameOf = (path: string) => (path === '' ? label : `${label}/${path}`);
  return {
    nameOf,
    async list(folder) {
      try {
        const entries: { name: string; kind: 'file' | 'directory' }[] = [];
        for await (const { name, kind } of (await open(folder)).values()) entries.push({ name, kind });
        return entries.sort(byName);
      } catch (cause) {
        throw new MocoError('data-missing', `cannot read the folder ${nameOf(folder)}: ${messageOf(cause)}`, {
          cause,
        });
      }
    },
    begin: async (path, length) => beginningOf(await blobInside(open, path), length),
    blob: (path) => blobInside(open, path),
    root,
  };
}

type FolderOpener = (path: string) => Promise<FileSystemDirectoryHandle>;

/** Opens folders below a root, each once. */
export function folderOpener(root: FileSystemDirectoryHandle): FolderOpener {
  const opened = new Map<string, Promise<FileSystemDirectoryHandle>>([['', Promise.resolve(root)]]);
  const open: FolderOpener = (path) => {
    let folder = opened.get(path);
    if (!folder) {
      const { above, name } = split(path);
      folder = open(above).then((parent) => parent.getDirectoryHandle(name));
      opened.set(path, folder);
    }
    return folder;
  };
  return open;
}

/** The file at a path below the root of `open`. */
export async function blobInside(open: FolderOpener, path: string): Promise<Blob> {
  const { above, name } = split(path);
  return (await (await open(above)).getFileHandle(name)).getFile();
}

function split(path: string): { readonly above: string; readonly name: string } {
  const end = path.lastIndexOf('/');
  return { above: path.slice(0, Math.max(0, end)), name: path.slice(end + 1) };
}

async function beginningOf(blob: Blob, length: number): Promise<Uint8Array> {
  return new Uint8Array(await blob.slice(0, length).arrayBuffer());
}

const isDropped = (given: unknown): given is DataTransferItem =>
  typeof given === 'object' && given !== null && 'getAsFile' in given;

const isDirectory = (given: unknown): given is FileSystemDirectoryHandle =>
  typeof given === 'object' && given !== null && 'kind' in given && given.kind === 'directory';

const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
