import { MocoError } from '../errors.ts';

/** The names of a relative path. @throws MocoError usage — it would leave the folder that it is relative to */
export function innerPath(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '');
  if (names.some((name) => name === '.' || name === '..' || name.includes('\\') || name.includes('\0'))) {
    throw new MocoError('usage', `'${path}' is not a path inside the folder: leave out '.', '..' and '\\'`);
  }
  return names;
}
