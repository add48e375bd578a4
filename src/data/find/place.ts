import { MocoError } from '../../errors.ts';
import { matches } from '../../onnx/import/globs.ts';
import { listDirectory, pathKind } from '../../runtime/data-files.ts';

/** What lies at a path. */
export interface Place {
  readonly path: string;
  /** pattern: of the names of tar archives in a folder, where no file has that very name. */
  readonly kind: 'folder' | 'file' | 'pattern';
  /** Names of the files that lie directly in a folder, or match a pattern, in code-unit order; none of a file. */
  readonly files: readonly string[];
  /** Likewise of the folders in it. */
  readonly folders: readonly string[];
}

/** @throws MocoError data-missing — nothing is there. */
export async function lookAt(path: string): Promise<Place> {
  const found = await pathKind(path);
  if (found === 'missing') {
    const files = await matchingFiles(path);
    if (files) return { path, kind: 'pattern', files, folders: [] };
    throw new MocoError('data-missing', `there is no ${path}: check the path given as the data`);
  }
  return found === 'file' ? { path, kind: 'file', files: [], folders: [] } : folderAt(path);
}

/** @throws MocoError data-missing — the folder does not exist or may not be read. */
export async function folderAt(path: string): Promise<Place> {
  const entries = await listDirectory(path);
  const names = (kind: 'file' | 'directory') =>
    entries.filter((entry) => entry.kind === kind).map(({ name }) => name);
  return { path, kind: 'folder', files: names('file'), folders: names('directory') };
}

/** Of ImageNet there are thousands, of larger sets ten times as many. */
const MOST_FILES = 100_000;

/**
 * The files that `shards/*.tar` or `shards/train-{000000..000146}.tar` name; null where a path is no such pattern.
 * @throws MocoError data-missing — no file is of such a name, or one of a range is not there
 */
async function matchingFiles(path: string): Promise<string[] | null> {
  const [, folder = '.', pattern = path] = /^(.*)[\\/]([^\\/]*)$/s.exec(path) ?? [];
  if (!/[*?{].*\.tar$/i.test(pattern)) return null;
  const { files } = await folderAt(folder === '' ? '/' : folder);
  const [, before, first, last, after] = /^(.*)\{(\d{1,9})\.\.(\d{1,9})\}(.*)$/s.exec(pattern) ?? [];
  if (before === undefined) {
    const found = files.filter((name) => matches(name, pattern));
    if (found.length === 0) throw new MocoError('data-missing', `no file is named like ${path}`);
    return found;
  }
  const [low, high] = [Number(first), Number(last)];
  if (high < low || high - low >= MOST_FILES)
    throw new MocoError('data-invalid', `${path} names no range of files`);
  const there = new Set(files);
  return Array.from({ length: high - low + 1 }, (_, i) => {
    const name = `${before}${String(low + i).padStart(first!.length, '0')}${after}`;
    if (!there.has(name)) throw new MocoError('data-missing', `there is no ${name}, which ${path} names`);
    return name;
  });
}
