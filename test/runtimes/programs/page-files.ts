/** What a FileStore of a page does, with the browser's own `move` and without (not every browser has it). */
import { MocoError } from '../../../src/errors.ts';
import type { FileStore } from '../../../src/runtime/file-store.ts';
import { openFolder } from '../../../src/runtime/files.ts';

const textIn = async (store: FileStore, path: string) =>
  new TextDecoder().decode(await store.read(path, 1000));
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'nothing',
    (error: unknown) => (error instanceof MocoError ? error.code : String(error)),
  );

async function exercise(root: string): Promise<unknown[]> {
  const store = await openFolder(root);
  const seen: unknown[] = [await store.exists(''), await store.list(''), await store.list('none/there')];
  const write = (path: string, text: string) => store.write(path, new TextEncoder().encode(text));
  await write('b/state.json.tmp', 'first');
  await store.rename('b/state.json.tmp', 'b/state.json');
  seen.push(await store.list('b'), await textIn(store, 'b/state.json'));
  await write('b/state.json.tmp', '2nd');
  await store.rename('b/state.json.tmp', 'b/state.json');
  seen.push(await store.list('b'), await textIn(store, 'b/state.json'));
  await write('B', 'file');
  seen.push(await store.list(''), await store.exists('b'), await store.exists('B'), await store.exists('c'));
  const parent = await openFolder(`${root}/b/..`);
  seen.push(await parent.list(''));
  await store.remove('b');
  await store.remove('b');
  seen.push(await store.list(''));
  seen.push(await codeOf(store.read('b/state.json', 10)), await codeOf(store.read('B', 3)));
  seen.push(await codeOf(store.read('../other', 10)));
  await store.remove('');
  seen.push(await store.exists(''));
  return seen;
}

export async function main(): Promise<{ moved: unknown[]; copied: unknown[]; couldMove: boolean }> {
  const moved = await exercise('runs/moved');
  const prototype = FileSystemFileHandle.prototype as { move?: unknown };
  const couldMove = prototype.move !== undefined;
  delete prototype.move;
  return { moved, copied: await exercise('/runs/copied/'), couldMove };
}
