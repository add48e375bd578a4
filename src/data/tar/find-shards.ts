/** Which tar shards lie at a path, and which of them are of which split. */
import { joinPath } from '../../runtime/data-files.ts';
import { folderAt, type Place } from '../find/place.ts';
import { splitFolders } from '../find/split-names.ts';
import { counted } from '../find/walk-images.ts';

export interface Shards {
  /** The folder that they lie in. */
  readonly root: string;
  /** Paths below it, in code-unit order. */
  readonly names: readonly string[];
  /** The name of the split of each; '' where names do not tell. */
  readonly splits: readonly string[];
  /** The split to learn from, and the one to be judged by; null where names do not tell. */
  readonly train: string | null;
  readonly test: string | null;
  readonly notes: readonly string[];
}

export const isShard = (name: string): boolean => /\.tar$/i.test(name) && !name.startsWith('.');

/** Null where there are none: an archive, archives in a folder or by a pattern, or archives in folders named as splits are. */
export async function findShards({ path, kind, files, folders }: Place): Promise<Shards | null> {
  if (kind === 'file') {
    const [, root = '.', name = path] = /^(.*)[\\/]([^\\/]*)$/s.exec(path) ?? [];
    return isShard(path) ? withSplits(root === '' ? '/' : root, [name]) : null;
  }
  if (kind === 'pattern') return withSplits(path.replace(/[\\/][^\\/]*$/, '') || '/', files);
  const here = files.filter(isShard);
  if (here.length > 0) return withSplits(path, here);
  const found = splitFolders(folders);
  if (!found) return null;
  const names: string[] = [];
  for (const folder of [found.train, ...found.test]) {
    const inside = await folderAt(joinPath(path, folder));
    // Class folders, and what they came in.
    if (inside.folders.length > 0) continue;
    names.push(...inside.files.filter(isShard).map((name) => `${folder}/${name}`));
  }
  return names.some((name) => name.startsWith(`${found.train}/`)) ? withSplits(path, names) : null;
}

/** `imagenet-train-000007.tar`, or `train/000007.tar`: where each has such a word in it. */
function withSplits(root: string, names: readonly string[]): Shards {
  const all = { root, names, splits: names.map(() => ''), train: null, test: null, notes: [] };
  const words = names.map((name) => name.replace(/\.tar$/i, '').split(/[^\p{L}]+/u));
  const found = splitFolders([...new Set(words.flat())]);
  if (!found) return all;
  const splits = words.map((own) => [found.train, ...found.test].find((split) => own.includes(split)) ?? '');
  // All of one split: what is in them may be of several.
  if (splits.includes('') || new Set(splits).size === 1) return all;
  const test = found.test.find((split) => splits.includes(split)) ?? null;
  const left = splits.filter((split) => split !== found.train && split !== test).length;
  return {
    ...{ root, names, splits, train: found.train, test },
    notes: [
      `splits ${found.train}${test === null ? '' : ` and ${test}`} by the names of shards`,
      ...(left === 0 ? [] : [`${counted(left, 'shard')} of other splits left out`]),
    ],
  };
}
