/** Parts of a file, for what is too large to be read whole. */
import { MocoError, messageOf } from '../errors.ts';
import { nodeModule } from './node.ts';

export interface ByteSource {
  /** For messages. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Bytes [offset, offset + length). @throws MocoError data-invalid where the file ends before */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/** @param from a path (Node, Deno), the bytes themselves, or a File as a page is given it */
export function openSource(from: string | Blob | Uint8Array): Promise<ByteSource> {
  if (typeof from === 'string') return openPath(from);
  const name = from instanceof Blob ? ((from as Partial<File>).name ?? 'the file') : 'the bytes given';
  const size = from instanceof Blob ? from.size : from.byteLength;
  return Promise.resolve({
    name,
    size,
    async read(offset, length) {
      checkRange(name, size, offset, length);
      if (from instanceof Blob)
        return new Uint8Array(await from.slice(offset, offset + length).arrayBuffer());
      return new Uint8Array(from.subarray(offset, offset + length));
    },
    async close() {},
  });
}

async function openPath(path: string): Promise<ByteSource> {
  const { open } = await nodeModule('fs/promises');
  const handle = await open(path, 'r').catch((cause: unknown) => {
    throw new MocoError('data-missing', `cannot open ${path}: ${messageOf(cause)}`, { cause });
  });
  const stat = await handle.stat();
  if (!stat.isFile()) {
    await handle.close();
    throw new MocoError('data-invalid', `${path} is no file`);
  }
  const { size } = stat;
  return {
    name: path,
    size,
    async read(offset, length) {
      checkRange(path, size, offset, length);
      const bytes = new Uint8Array(length);
      for (let filled = 0; filled < length; ) {
        const { bytesRead } = await handle.read(
          bytes,
          filled,
          Math.min(length - filled, 2 ** 30),
          offset + filled,
        );
        if (bytesRead === 0) throw cutShort(path, offset + length, offset + filled);
        filled += bytesRead;
      }
      return bytes;
    },
    close: () => handle.close(),
  };
}

function checkRange(name: string, size: number, offset: number, length: number): void {
  if (offset + length > size) throw cutShort(name, offset + length, size);
}

function cutShort(name: string, wanted: number, size: number): MocoError {
  return new MocoError('data-invalid', `${name} is cut short: ${wanted} bytes are needed, it has ${size}`);
}
