/** Files that are written beside their place and put there whole: whoever reads meanwhile, or after a failure, has the file of before. */
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MocoError, messageOf } from '../errors.ts';
import { makeFolder } from '../runtime/make-folder.ts';

export class WholeFile {
  readonly #path: string;
  /** A name of its own: two processes that write the same file do not write into each other's. */
  readonly #partial: string;
  readonly #handle: FileHandle;

  private constructor(path: string, partial: string, handle: FileHandle) {
    this.#path = path;
    this.#partial = partial;
    this.#handle = handle;
  }

  /** @throws MocoError usage where something else than a file is there, write-failed */
  static async create(path: string): Promise<WholeFile> {
    try {
      const found = await stat(path).catch(() => null);
      if (found && !found.isFile()) {
        throw new MocoError(
          'usage',
          `${path} is ${found.isDirectory() ? 'a folder' : 'no regular file'}: name a file`,
        );
      }
      await makeFolder(dirname(path));
      // Of a link, what it leads to is replaced.
      const target = found ? await realpath(path) : path;
      const partial = `${target}.${process.pid}-${Math.random().toString(36).slice(2)}.partial`;
      return new WholeFile(target, partial, await open(partial, 'wx'));
    } catch (cause) {
      throw cause instanceof MocoError ? cause : failed(path, cause);
    }
  }

  /** @param at where; left out: after what was written. @throws MocoError write-failed */
  async write(bytes: Uint8Array, at?: number): Promise<void> {
    try {
      for (let done = 0; done < bytes.length; ) {
        const position = at === undefined ? null : at + done;
        done += (await this.#handle.write(bytes, done, bytes.length - done, position)).bytesWritten;
      }
    } catch (cause) {
      throw failed(this.#path, cause);
    }
  }

  /** Puts the file in its place. @throws MocoError write-failed */
  async finish(): Promise<void> {
    try {
      await this.#handle.sync().finally(() => this.#handle.close());
      await rename(this.#partial, this.#path);
    } catch (cause) {
      await rm(this.#partial, { force: true });
      throw failed(this.#path, cause);
    }
  }

  /** Leaves what was there before. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await rm(this.#partial, { force: true });
  }
}

/** @throws MocoError usage, write-failed */
export async function writeWholeFile(path: string, pieces: readonly Uint8Array[]): Promise<void> {
  const file = await WholeFile.create(path);
  try {
    for (const piece of pieces) await file.write(piece);
  } catch (error) {
    await file.discard();
    throw error;
  }
  await file.finish();
}

function failed(path: string, cause: unknown): MocoError {
  return new MocoError('write-failed', `cannot write ${path}: ${messageOf(cause)}`, { cause });
}
