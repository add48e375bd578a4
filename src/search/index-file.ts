/** Index files: in a page of its origin private file system, else of the system. */
import { kindOf, shown } from '../arguments.ts';
import { MocoError, messageOf } from '../errors.ts';
import { openFolder } from '../runtime/files.ts';
import { placeOf, readBytes } from '../runtime/read-bytes.ts';
import { formatIndex, type IndexRows, parseIndex } from './index-rows.ts';

/** The path that it was saved to, an address (URL), a File or Blob, or its bytes. */
export type IndexSource = string | URL | Blob | ArrayBuffer | Uint8Array;

/** The same as plain data. */
export type PostableIndex = string | { readonly place: string } | Blob | Uint8Array;

/** Four million rows of 128. */
const MAX_BYTES = 2 ** 31 - 1;

/** @throws MocoError usage */
export function postableIndex(source: IndexSource): PostableIndex {
  if (typeof source === 'string') return source;
  switch (kindOf(source)) {
    case 'URL':
      return { place: placeOf(source as URL) };
    case 'Blob':
    case 'File':
      return source as Blob;
    case 'ArrayBuffer':
      return new Uint8Array(source as ArrayBuffer);
    case 'Uint8Array':
      return source as Uint8Array;
  }
  throw new MocoError('usage', `${shown(source)} is no index: give its path, a URL, a file or its bytes`);
}

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
