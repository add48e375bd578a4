/** Where a run keeps the index of the tar shards that it learns from: in its own directory, never beside the data. */
import { MocoError, messageOf } from '../../errors.ts';
import { fileStamp, joinPath } from '../../runtime/data-files.ts';
import type { FileStore } from '../../runtime/file-store.ts';
import { openFolder } from '../../runtime/files.ts';
import type { DatasetSpec, Found } from '../sources/source.ts';
import { decodeIndex, encodeIndex, mostIndexBytes } from './kept-index.ts';
import { type ShardStamp, TAR_SHARDS, type TarShardsSpec } from './shards-spec.ts';

/** In a run directory. */
export const TAR_INDEX = 'tar-index.bin';
/** How notes begin that are of one start alone. */
const NOTE = 'tar index: ';

/**
 * Reads the index in a file, where it fits the shards as they lie there now.
 * @param names of the shards below `root`
 * @returns found: null where it has to be made anew; note: whence it comes, or why that is so
 */
export async function readIndex(
  path: string,
  root: string,
  names: readonly string[],
): Promise<{ readonly found: Found<TarShardsSpec> | null; readonly note: string }> {
  const anew = (reason: string) => ({ found: null, note: `${NOTE}made anew because ${reason}` });
  try {
    const stamps = await Promise.all(names.map((name) => stampOf(root, name)));
    const [, folder = '.', name = path] = /^(.*)[\\/]([^\\/]*)$/s.exec(path) ?? [];
    const store = await openFolder(folder === '' ? '/' : folder);
    if (!(await store.exists(name))) return anew(`there is no ${path}`);
    const bytes = await store.read(name, mostIndexBytes(stamps));
    const found = decodeIndex(path, bytes, root, stamps);
    return { found, note: `${NOTE}read from ${path}` };
  } catch (error) {
    return anew(messageOf(error));
  }
}

async function stampOf(root: string, name: string): Promise<ShardStamp> {
  const stamp = await fileStamp(joinPath(root, name));
  if (!stamp) throw new MocoError('data-missing', `${joinPath(root, name)} cannot be looked at`);
  return { name, bytes: stamp.size, changed: stamp.changed };
}

/**
 * Keeps the index of data that is tar shards, whole even where only some images are learned from. What is there already, and the
 * same, stays.
 * @returns why it was not kept; null where it was, or there is none to keep
 */
export async function keepIndex(
  store: FileStore,
  data: Omit<Found<DatasetSpec>, 'imageSize'>,
): Promise<string | null> {
  const { train, test, classes, testProblem = null } = data;
  if (!isOfShards(train) || (test && !isOfShards(test))) return null;
  const notes = (data.notes ?? []).filter((note) => !note.startsWith(NOTE));
  try {
    const bytes = encodeIndex({ train, test, classes, testProblem, notes });
    const before = await store.read(TAR_INDEX, bytes.length).catch(() => null);
    if (before?.length === bytes.length && before.every((byte, i) => byte === bytes[i])) return null;
    const draft = `${TAR_INDEX}.new`;
    await store.write(draft, bytes);
    await store.rename(draft, TAR_INDEX);
    return null;
  } catch (error) {
    return `${NOTE}not kept: ${messageOf(error)}`;
  }
}

const isOfShards = (spec: DatasetSpec): spec is TarShardsSpec => spec.kind === TAR_SHARDS;
