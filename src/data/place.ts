import { MocoError } from '../errors.ts';
import { listDirectory, pathKind } from '../runtime/data-files.ts';

/** What lies at a path. */
export interface Place {
  readonly path: string;
  readonly kind: 'folder' | 'file';
  /** Names of the files that lie directly in a folder, in code-unit order; none of a file. */
  readonly files: readonly string[];
  /** Likewise of the folders in it. */
  readonly folders: readonly string[];
}

/** @throws MocoError data-missing — nothing is there. */
export async function lookAt(path: string): Promise<Place> {
  const found = await pathKind(path);
  if (found === 'missing') {
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
