/** Opens a folder of files, wherever this runs. */
import { MocoError, messageOf } from '../errors.ts';
import { runtimeName } from './detect.ts';
import type { FileStore, FileWriter } from './file-store.ts';
import { innerPath } from './inner-path.ts';
import { nodeModule } from './node.ts';
import { openOpfsFolder } from './opfs.ts';

/**
 * Files of the operating system in Node and Deno, of the page's own storage (opfs.ts) in browsers. The root need not
 * exist yet.
 */
export async function openFolder(root: string): Promise<FileStore> {
  if (runtimeName() === 'browser') return openOpfsFolder(root);
  // Imported when needed, so that a page can load this module.
  const fs = await nodeModule('fs/promises');
  const { constants } = await nodeModule('fs');
  const { dirname, join } = await nodeModule('path');
  const at = (path: string) => join(root, ...innerPath(path));

  /** A rename is on the disk only once its folder is. Some systems cannot sync a folder; they lose nothing else. */
  async function syncFolder(folder: string): Promise<void> {
    try {
      const handle = await fs.open(folder, 'r');
      await handle.sync().finally(() => handle.close());
    } catch {}
  }

  async function create(path: string): Promise<FileWriter> {
    const file = at(path);
    await fs.mkdir(dirname(file), { recursive: true });
    const handle = await fs.open(file, 'w');
    return {
      async write(bytes) {
        for (let done = 0; done < bytes.byteLength; ) {
          const most = Math.min(bytes.byteLength - done, 2 ** 30);
          const { bytesWritten } = await handle.write(bytes, done, most);
          done += bytesWritten;
        }
      },
      close: () => handle.sync().finally(() => handle.close()),
      abort: () => handle.close(),
    };
  }

  return {
    root,
    async read(path, limit) {
      const file = at(path);
      // Nobody may write to a pipe, and who opens it would wait for that.
      const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
      const handle = await fs.open(file, flags).catch((cause: unknown) => {
        throw new MocoError('data-missing', `cannot open ${file}: ${messageOf(cause)}`, { cause });
      });
      try {
        const stat = await handle.stat();
        if (!stat.isFile()) throw new MocoError('data-invalid', `${file} is no regular file`);
        const { size } = stat;
        if (size > limit) {
          throw new MocoError('data-invalid', `${file} has ${size} bytes, at most ${limit} are read`);
        }
        const bytes = new Uint8Array(size);
        let filled = 0;
        while (filled < size) {
          const { bytesRead } = await handle.read(bytes, filled, Math.min(size - filled, 2 ** 30), filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return bytes.subarray(0, filled);
      } finally {
        await handle.close();
      }
    },
    async write(path, bytes) {
      const writer = await create(path);
      try {
        await writer.write(bytes);
      } catch (error) {
        await writer.abort();
        throw error;
      }
      await writer.close();
    },
    create,
    async rename(from, to) {
      await fs.rename(at(from), at(to));
      await syncFolder(dirname(at(to)));
    },
    async list(path) {
      try {
        return (await fs.readdir(at(path))).sort();
      } catch {
        return [];
      }
    },
    async exists(path) {
      return fs.stat(at(path)).then(
        () => true,
        () => false,
      );
    },
    async remove(path) {
      await fs.rm(at(path), { recursive: true, force: true });
    },
  };
}
