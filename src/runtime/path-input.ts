/** Paths as callers give them. */
import { expectArgument, type Form, kindOf, text } from '../arguments.ts';
import { MocoError } from '../errors.ts';
import { runtimeName } from './detect.ts';
import { nodeModule } from './node.ts';

/** A path; in Node and Deno also a `file:` URL, such as `new URL('photos', import.meta.url)`. */
export type PathInput = string | URL;

const PATH: Form = {
  give: 'a path',
  is: (value) => kindOf(value) === 'URL' || text().is(value),
};

/** @throws MocoError usage for what is no path */
export async function pathOf(where: string, name: string, path: PathInput): Promise<string> {
  expectArgument(where, name, path, PATH);
  if (typeof path === 'string') return path;
  if (path.protocol === 'file:' && runtimeName() !== 'browser') {
    const { fileURLToPath } = await nodeModule('url');
    return fileURLToPath(path);
  }
  throw new MocoError('usage', `${where}: ${name} is the address ${path.href.slice(0, 200)}: give a path`);
}

/** Folders by path are there in Node and Deno alone. @throws MocoError usage in a page, saying what it has instead */
export function expectFolders(where: string, instead: string): void {
  if (runtimeName() !== 'browser') return;
  throw new MocoError('usage', `${where}: a page has no folders by path: ${instead}`);
}
