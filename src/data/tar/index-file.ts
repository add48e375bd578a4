/** Where a run keeps the index of the tar shards that it learns from: in its own directory, never beside the data. */
import { MocoError, messageOf } from '../../errors.ts';
import { fileStamp, joinPath } from '../../runtime/data-files.ts';
import type { FileStore } from '../../runtime/file-store.ts';
import { openFolder } from '../../runtime/files.ts';
import type { DatasetSpec, Found, GivenIndex } from '../sources/source.ts';
import { decodeIndex, encodeIndex, mostIndexBytes } from './kept-index.ts';
import { type ShardStamp, TAR_SHARDS, type TarShardsSpec } from './shards-spec.ts';

/** In a run directory. */
export const TAR_INDEX = 'tar-index.bin';
/** How notes begin that are of one start alone. */
const NOTE = 'tar index: ';

/** Why an index was not taken, of the notes on data that was described with one; undefined where it was. */
export const madeAnew = (notes: readonly string[] = []): string | undefined =>
  notes.find((note) => note.startsWith(`${NOTE}made anew`));

export interface TakenIndex {
  /** Null where it has to be made anew. */
  readonly found: Found<TarShardsSpec> | null;
  /** Whence it comes, or why it was not taken. */
  readonly note: string | null;
}

/**
 * Reads the index in a file, where it fits the shards as they lie there now.
 * @param names of the shards below `root`
 */
export async function readIndex(path: string, root: string, names: readonly string[]): Promise<TakenIndex> {
  try {
    const stamps = await stampsAt(root, names);
    const [, folder = '.', name = path] = /^(.*)[\\/]([^\\/]*)$/s.exec(path) ?? [];
    const store = await openFolder(folder === '' ? '/' : folder);
    if (!(await store.exists(name))) return anew(`there is no ${path}`);
    const bytes = await store.read(name, mostIndexBytes(stamps));
    return { found: decodeIndex(path, bytes, root, stamps), note: `${NOTE}read from ${path}` };
  } catch (error) {
    return anew(messageOf(error));
  }
}

/** Takes the index that another process has of the same shards. */
export async function takeIndex(
  { bytes, note }: GivenIndex,
  root: string,
  names: readonly string[],
): Promise<TakenIndex> {
  try {
    return { found: decodeIndex('that of rank 0', bytes, root, await stampsAt(root, names)), note };
  } catch (error) {
    return anew(messageOf(error));
  }
}

const anew = (reason: string): TakenIndex => ({
  ...{ found: null, note: `${NOTE}made anew because ${reason}` },
});

const stampsAt = (root: string, names: readonly string[]): Promise<ShardStamp[]> =>
  Promise.all(names.map((name) => stampOf(root, name)));

async function stampOf(root: string, name: string): Promise<ShardStamp> {
  const stamp = await fileStamp(joinPath(root, name));
  if (!stamp) throw new MocoError('data-missing', `${joinPath(root, name)} cannot be looked at`);
  return { name, bytes: stamp.size, changed: stamp.changed };
}

type Described = Omit<Found<DatasetSpec>, 'imageSize'>;

/**
 * The index of data that is tar shards, whole even where only some images are meant; null of other data.
 * @throws MocoError data-invalid where it is too large to be read again
 */
export function indexOf({
  train,
  test,
  classes,
  testProblem = null,
  notes = [],
}: Described): GivenIndex | null {
  if (!isOfShards(train) || (test && !isOfShards(test))) return null;
  const isOwn = (note: string) => note.startsWith(NOTE);
  const lasting = notes.filter((note) => !isOwn(note));
  return {
    bytes: encodeIndex({ train, test, classes, testProblem, notes: lasting }),
    note: notes.find(isOwn) ?? null,
  };
}

const isOfShards = (spec: DatasetSpec): spec is TarShardsSpec => spec.kind === TAR_SHARDS;

/**
 * Writes the index of data that is tar shards. What is there already, and the same, stays.
 * @returns why it was not kept; null where it was, or there is none to keep
 */
export async function keepIndex(store: FileStore, data: Described): Promise<string | null> {
  try {
    const bytes = indexOf(data)?.bytes;
    if (!bytes) return null;
    const before = await store.read(TAR_INDEX, bytes.length).catch(() => null);
    if (before && isSame(before, bytes)) return null;
    const draft = `${TAR_INDEX}.new`;
    await store.write(draft, bytes);
    await store.rename(draft, TAR_INDEX);
    return null;
  } catch (error) {
    return `${NOTE}not kept: ${messageOf(error)}`;
  }
}

/** A loop: `every` would take a second for the index of ImageNet. */
function isSame(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}
