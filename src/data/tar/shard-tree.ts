/** The files of shards as a tree of folders, so that folders in them are classes and splits as those of a disk are. */
import type { DirectoryEntry } from '../../runtime/data-files.ts';
import { type FileTree, inside } from '../find/walk-images.ts';
import type { ShardFile } from './shard-index.ts';

export interface ShardTree extends FileTree {
  /** The file at a path that is in the tree. */
  at(path: string): ShardFile;
}

/**
 * @param root what messages call the whole
 * @param shards their names
 * @param folderOf the folder that all files of a shard are in, as one of a split; '' where there is none
 * @param read bytes of a shard
 */
export function shardTree(
  root: string,
  shards: readonly string[],
  files: readonly ShardFile[],
  folderOf: (shard: number) => string,
  read: (file: ShardFile, length: number) => Promise<Uint8Array>,
): ShardTree {
  const folders = new Map<string, Map<string, DirectoryEntry['kind']>>([['', new Map()]]);
  const byPath = new Map<string, ShardFile>();
  const folder = (path: string): Map<string, DirectoryEntry['kind']> => {
    const known = folders.get(path);
    if (known) return known;
    const made = new Map<string, DirectoryEntry['kind']>();
    folders.set(path, made);
    const end = path.lastIndexOf('/');
    folder(path.slice(0, Math.max(0, end))).set(path.slice(end + 1), 'directory');
    return made;
  };
  for (const file of files) {
    const end = file.name.lastIndexOf('/');
    const above = folderOf(file.shard);
    const within = end < 0 ? above : inside(above, file.name.slice(0, end));
    const entries = folder(within);
    let name = file.name.slice(end + 1);
    const before = byPath.get(inside(within, name));
    // A file that comes twice in an archive has taken the place of the first one. In another shard it is another file.
    if (entries.get(name) === 'directory' || (before && before.shard !== file.shard))
      name = `${shards[file.shard]} ${name}`;
    entries.set(name, 'file');
    byPath.set(inside(within, name), file);
  }
  return {
    nameOf: (path) => (path === '' ? root : `${root}/${path}`),
    async list(path) {
      const entries = [...(folders.get(path) ?? [])].map(([name, kind]) => ({ name, kind }));
      return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    begin: (path, length) => {
      const file = byPath.get(path)!;
      return read(file, Math.min(file.size, length));
    },
    at: (path) => byPath.get(path)!,
  };
}
