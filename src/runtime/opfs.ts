/**
 * Files of a page, in the origin private file system (https://fs.spec.whatwg.org): storage that belongs to the page's
 * origin, stays over reloads, and is seen by its workers too. Nothing of it is among the files of the user.
 */
import { MocoError, messageOf } from '../errors.ts';
import type { FileStore, FileWriter } from './file-store.ts';
import { innerPath } from './inner-path.ts';

/** Not in every browser (Chrome 110, Firefox 111, Safari 15.2), and not in TypeScript's types. */
interface Movable {
  move?(folder: FileSystemDirectoryHandle, name: string): Promise<void>;
}

/**
 * A folder of the origin private file system, under its root (a leading `/` means the same). It need not exist yet.
 * @throws MocoError usage where the page has no such storage (it is not served by https or from localhost)
 */
export async function openOpfsFolder(root: string): Promise<FileStore> {
  const top = await originFolder();
  const base = namesIn(root);

  /** @throws DOMException NotFoundError when it is missing and not to be made */
  async function folderOf(names: readonly string[], create = false): Promise<FileSystemDirectoryHandle> {
    let folder = top;
    for (const name of names) folder = await folder.getDirectoryHandle(name, { create });
    return folder;
  }

  const at = (path: string) => [...base, ...innerPath(path)];

  async function fileAt(names: readonly string[], create = false): Promise<FileSystemFileHandle> {
    return (await folderOf(names.slice(0, -1), create)).getFileHandle(names.at(-1) ?? '', { create });
  }

  /** What is written is another file, which takes the place of this one in `close`. */
  async function replace(path: string, content: Blob | Uint8Array<ArrayBuffer>): Promise<void> {
    const isNew = !(await exists(path));
    try {
      const writable = await (await fileAt(at(path), true)).createWritable();
      try {
        await writable.write(content);
        await writable.close();
      } catch (error) {
        await writable.abort().catch(() => undefined);
        throw error;
      }
    } catch (error) {
      // The handle alone has made an empty file.
      if (isNew) await remove(path).catch(() => undefined);
      throw await explained(error);
    }
  }

  async function create(path: string): Promise<FileWriter> {
    const isNew = !(await exists(path));
    const writable = await (await fileAt(at(path), true)).createWritable();
    const abort = async () => {
      await writable.abort().catch(() => undefined);
      // The handle alone has made an empty file.
      if (isNew) await remove(path).catch(() => undefined);
    };
    const told = async (task: Promise<void>) => {
      try {
        await task;
      } catch (error) {
        throw await explained(error);
      }
    };
    return {
      // Like a request's body, it must not be on shared memory.
      write: (bytes) => told(writable.write(bytes as Uint8Array<ArrayBuffer>)),
      close: () => told(writable.close()),
      abort,
    };
  }

  async function exists(path: string): Promise<boolean> {
    const names = at(path);
    const found = await fileAt(names).catch(() => folderOf(names).catch(() => null));
    return found !== null;
  }

  async function remove(path: string): Promise<void> {
    const names = at(path);
    const name = names.pop();
    if (name === undefined)
      throw new MocoError('usage', 'the storage of a page cannot be removed as a whole');
    try {
      await (await folderOf(names)).removeEntry(name, { recursive: true });
    } catch (error) {
      if (!isNamed(error, 'NotFoundError')) throw error;
    }
  }

  return {
    root,
    async read(path, limit) {
      const file = await fileAt(at(path))
        .then((handle) => handle.getFile())
        .catch((cause: unknown) => {
          throw new MocoError('data-missing', `cannot open ${root}/${path}: ${messageOf(cause)}`, { cause });
        });
      if (file.size > limit) {
        throw new MocoError(
          'data-invalid',
          `${root}/${path} has ${file.size} bytes, at most ${limit} are read`,
        );
      }
      return new Uint8Array(await file.arrayBuffer());
    },
    // Like a request's body, it must not be on shared memory.
    write: (path, bytes) => replace(path, bytes as Uint8Array<ArrayBuffer>),
    create,
    async rename(from, to) {
      const file = await fileAt(at(from));
      const names = at(to);
      const name = names.pop() ?? '';
      // Browsers differ in whether a move may replace a file; a copy replaces it in one go in all of them.
      const { move } = file as Movable;
      if (move && !(await exists(to))) return move.call(file, await folderOf(names, true), name);
      await replace(to, await file.getFile());
      await remove(from);
    },
    async list(path) {
      const names: string[] = [];
      try {
        const folder = await folderOf(at(path));
        for await (const name of folder.keys()) names.push(name);
      } catch (error) {
        if (!isNamed(error, 'NotFoundError')) throw error;
      }
      return names.sort();
    },
    exists,
    remove,
  };
}

async function originFolder(): Promise<FileSystemDirectoryHandle> {
  try {
    return await navigator.storage.getDirectory();
  } catch (cause) {
    throw new MocoError(
      'usage',
      `this page has no storage for files (${messageOf(cause)}): serve it by https or from localhost`,
      { cause },
    );
  }
}

/** The folders on the way to one. A run directory may be named as the parent of its checkpoint, `step-000005/..`. */
export function namesIn(root: string): string[] {
  const names: string[] = [];
  for (const name of root.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return names;
}

/** The error of a full storage, with how full it is: the browser's own words do not say. */
async function explained(error: unknown): Promise<unknown> {
  if (!isNamed(error, 'QuotaExceededError')) return error;
  const { usage = 0, quota = 0 } = await navigator.storage.estimate();
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  return new Error(`the storage of this page is full, with ${mib(usage)} used of ${mib(quota)}`, {
    cause: error,
  });
}

function isNamed(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}
