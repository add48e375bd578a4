import { MocoError, messageOf } from '../errors.ts';
import { type Dirent, nodeModule } from './node.ts';

/** Files by path, for data that is read in pieces. Node and Deno (through its node: modules). */

export interface DirectoryEntry {
  name: string;
  kind: 'file' | 'directory';
}

/** A file opened for reading at any place. Close it. */
export interface RandomAccessFile {
  /** Bytes. */
  readonly size: number;
  /** A copy of `length` bytes from `offset`. @throws MocoError data-invalid — the file ends before or cannot be read. */
  read(offset: number, length: number): Uint8Array<ArrayBuffer>;
  /** Closing again does nothing. */
  close(): void;
}

export type PathKind = 'file' | 'directory' | 'missing';

/** What lies at a path, links followed. Something unreadable counts as missing. */
export async function pathKind(path: string): Promise<PathKind> {
  const { statSync } = await nodeModule('fs');
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isDirectory() ? 'directory' : stat?.isFile() ? 'file' : 'missing';
}

/**
 * Files and folders in a folder, links followed, sorted by name in code-unit order (the same on every machine,
 * whatever its language). Sockets and dangling links are left out.
 * @throws MocoError data-missing — the folder does not exist or may not be read.
 */
export async function listDirectory(path: string): Promise<DirectoryEntry[]> {
  const fs = await nodeModule('fs');
  let found: Dirent[];
  try {
    found = fs.readdirSync(path, { withFileTypes: true });
  } catch (error) {
    throw new MocoError('data-missing', `cannot read the folder ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const entries: DirectoryEntry[] = [];
  for (const entry of found) {
    const real = entry.isSymbolicLink()
      ? fs.statSync(joinPath(path, entry.name), { throwIfNoEntry: false })
      : entry;
    if (real?.isDirectory()) entries.push({ name: entry.name, kind: 'directory' });
    else if (real?.isFile()) entries.push({ name: entry.name, kind: 'file' });
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Bytes of a file, links followed; null where there is none, or it may not be looked at. */
export async function fileSize(path: string): Promise<number | null> {
  const { statSync } = await nodeModule('fs');
  try {
    return statSync(path).size;
  } catch {
    return null;
  }
}

/** @throws MocoError data-missing */
export async function openFile(path: string): Promise<RandomAccessFile> {
  const fs = await nodeModule('fs');
  let descriptor: number | null = null;
  let size: number;
  try {
    descriptor = fs.openSync(path, 'r');
    size = fs.fstatSync(descriptor).size;
  } catch (error) {
    if (descriptor !== null) fs.closeSync(descriptor);
    throw new MocoError('data-missing', `cannot open ${path}: ${messageOf(error)}`, { cause: error });
  }
  let closed = false;
  return {
    size,
    // Synchronous: a record comes from the page cache in microseconds, a promise would cost more than the read.
    read(offset, length) {
      if (closed) throw new MocoError('usage', `${path} was read after it was closed`);
      const bytes = new Uint8Array(length);
      let done = 0;
      while (done < length) {
        const count = fs.readSync(descriptor, bytes, done, length - done, offset + done);
        if (count === 0)
          throw new MocoError('data-invalid', `${path} ends at byte ${offset + done}: was it changed?`);
        done += count;
      }
      return bytes;
    },
    close() {
      if (closed) return;
      // First: the system may give the number to another file at once.
      closed = true;
      fs.closeSync(descriptor);
    },
  };
}

/** Puts `/` between the parts; Windows understands it, too. */
export function joinPath(folder: string, ...rest: string[]): string {
  return [/^[\\/]+$/.test(folder) ? '' : folder.replace(/[\\/]+$/, ''), ...rest].join('/');
}
