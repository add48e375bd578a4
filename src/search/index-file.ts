/** Index files: in a page of its origin private file system, else of the system. */
import { MocoError, messageOf } from '../errors.ts';
import { openFolder } from '../runtime/files.ts';
import { readBytes } from '../runtime/read-bytes.ts';
import { formatIndex, type IndexRows, parseIndex } from './index-rows.ts';
import type { PostableIndex } from './index-source.ts';

/** Four million rows of 128. */
const MAX_BYTES = 2 ** 31 - 1;

/** @throws MocoError data-missing, data-invalid */
export async function readIndex(source: PostableIndex): Promise<IndexRows> {
  if (typeof source === 'string') {
    const { folder, name } = split(source);
    return parseIndex(await (await openFolder(folder)).read(name, MAX_BYTES));
  }
  if (source instanceof Uint8Array) return parseIndex(source);
  if ('place' in source) return parseIndex(await readBytes(source.place, MAX_BYTES));
  return parseIndex(new Uint8Array(await source.arrayBuffer()));
}

/** Whoever reads it meanwhile sees the old file or the new one. @throws MocoError write-failed, usage */
export async function writeIndex(path: string, rows: IndexRows): Promise<void> {
  const { folder, name } = split(path);
  const bytes = formatIndex(rows);
  const partial = `${name}.partial`;
  const store = await openFolder(folder);
  try {
    await store.write(partial, bytes);
    await store.rename(partial, name);
  } catch (cause) {
    await store.remove(partial).catch(() => {});
    throw new MocoError('write-failed', `cannot write ${path}: ${messageOf(cause)}`, { cause });
  }
}

function split(path: string): { folder: string; name: string } {
  const at = Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\'));
  const name = path.slice(at + 1);
  if (name === '' || name === '.' || name === '..') {
    throw new MocoError('usage', `'${path}' names no file: give the path of one, e.g. index.safetensors`);
  }
  return { folder: at < 0 ? '.' : path.slice(0, at + 1), name };
}
