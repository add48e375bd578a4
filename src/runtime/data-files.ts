import { MocoError, messageOf } from '../errors.ts';
import { type Dirent, type FileSystem, nodeModule } from './node.ts';

/** Files by path, for data that is read in pieces. Node and Deno (through its node: modules). */

export interface DirectoryEntry {
  name: string;
  /** unusable: neither can be read there, such as a link that leads nowhere, or round in a circle. */
  kind: 'file' | 'directory' | 'unusable';
  /** Of what is unusable, why. */
  reason?: string;
}

/** A file opened for reading at any place. Close it. */
export interface RandomAccessFile {
  /** Bytes. */
  readonly size: number;
  /** When it was last changed, in whole milliseconds since 1970. */
  readonly changed: number;
  /** A copy of `length` bytes from `offset`. @throws MocoError data-invalid — the file ends before; data-missing — it cannot be read. */
  read(offset: number, length: number): Uint8Array<ArrayBuffer>;
  /** Closing again does nothing. */
  close(): void;
}

export type PathKind = 'file' | 'directory' | 'missing';

/** What lies at a path, links followed. @throws MocoError data-missing where it may not be looked at */
export async function pathKind(path: string): Promise<PathKind> {
  const { statSync } = await nodeModule('fs');
  let stat: ReturnType<typeof statSync>;
  try {
    stat = statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    throw new MocoError('data-missing', `cannot look at ${path}: ${messageOf(cause)}`, { cause });
  }
  return stat?.isDirectory() ? 'directory' : stat?.isFile() ? 'file' : 'missing';
}

/** Whether there is a file at a path, links followed. */
export const isFile = async (path: string): Promise<boolean> => (await pathKind(path)) === 'file';

/**
 * What lies in a folder, links followed, sorted by name in code-unit order (the same on every machine, whatever its language).
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
  const entries = found.map((entry) => entryOf(fs, path, entry));
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function entryOf(fs: FileSystem, path: string, entry: Dirent): DirectoryEntry {
  const { name } = entry;
  if (entry.isFile()) return { name, kind: 'file' };
  if (entry.isDirectory()) return { name, kind: 'directory' };
  const unusable = (reason: string): DirectoryEntry => ({ name, kind: 'unusable', reason });
  if (!entry.isSymbolicLink()) return unusable('neither a file nor a folder');
  try {
    const target = joinPath(path, name);
    const stat = fs.statSync(target, { throwIfNoEntry: false });
    if (!stat) return unusable('a link to nothing');
    if (stat.isFile()) return { name, kind: 'file' };
    if (!stat.isDirectory()) return unusable('a link to neither a file nor a folder');
    const [real, here] = [fs.realpathSync(target), fs.realpathSync(path)];
    // Not even the folder beside it whose name begins alike.
    const around = here === real || here.startsWith(real.endsWith('/') ? real : `${real}/`);
    return around ? unusable('a link to a folder that it lies in') : { name, kind: 'directory' };
  } catch (error) {
    const isLoop = (error as { code?: unknown }).code === 'ELOOP';
    return unusable(isLoop ? 'a link to itself' : messageOf(error));
  }
}

/** A disk of the machine answers within microseconds, and a promise would cost more. */
const FAR_MS = 0.1;
/** So often in a row it is no accident. */
const FAR_ANSWERS = 16;
let farInARow = 0;
let fileSystem: FileSystem | undefined;

/**
 * Bytes of a file, links followed; null where there is none, or it may not be looked at. Ask for several at a time: where
 * answers come from afar, as of a file server, the next ones do not wait for each other.
 */
export async function fileSize(path: string): Promise<number | null> {
  if (farInARow >= FAR_ANSWERS) {
    const { stat } = await nodeModule('fs/promises');
    return stat(path).then(
      ({ size }) => size,
      () => null,
    );
  }
  // Kept: to import it anew takes as long as the question.
  fileSystem ??= await nodeModule('fs');
  const asked = performance.now();
  try {
    return fileSystem.statSync(path).size;
  } catch {
    return null;
  } finally {
    farInARow = performance.now() - asked > FAR_MS ? farInARow + 1 : 0;
  }
}

export type FileStamp = Pick<RandomAccessFile, 'size' | 'changed'>;

/** What tells that a file is the same as before, links followed; null where there is none, or it may not be looked at. */
export async function fileStamp(path: string): Promise<FileStamp | null> {
  const { stat } = await nodeModule('fs/promises');
  return stat(path).then(stampOf, () => null);
}

/** Node tells fractions of milliseconds, Deno does not. */
const stampOf = ({ size, mtimeMs }: { size: number; mtimeMs: number }): FileStamp => ({
  ...{ size, changed: Math.floor(mtimeMs) },
});

/** @throws MocoError data-missing */
export async function openFile(path: string): Promise<RandomAccessFile> {
  const fs = await nodeModule('fs');
  let descriptor: number | null = null;
  let stamp: FileStamp;
  try {
    descriptor = fs.openSync(path, 'r');
    stamp = stampOf(fs.fstatSync(descriptor));
  } catch (error) {
    if (descriptor !== null) fs.closeSync(descriptor);
    throw new MocoError('data-missing', `cannot open ${path}: ${messageOf(error)}`, { cause: error });
  }
  let closed = false;
  const readSome = (bytes: Uint8Array, done: number, position: number): number => {
    try {
      return fs.readSync(descriptor, bytes, done, bytes.length - done, position);
    } catch (cause) {
      throw new MocoError('data-missing', `cannot read ${path}: ${messageOf(cause)}`, { cause });
    }
  };
  return {
    ...stamp,
    // Synchronous: a record comes from the page cache in microseconds, a promise would cost more than the read.
    read(offset, length) {
      if (closed) throw new MocoError('usage', `${path} was read after it was closed`);
      const bytes = new Uint8Array(length);
      let done = 0;
      while (done < length) {
        const count = readSome(bytes, done, offset + done);
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
