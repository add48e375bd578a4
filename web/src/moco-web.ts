/**
 * The package, as any app has it: its public API alone. It is loaded when it is first needed, from files of its own beside the
 * page, so that the first paint waits for none of it.
 */
export type * from '../../src/index.ts';

type Library = typeof import('../../src/index.ts');

let loading: Promise<Library> | null = null;

/** Where the build puts dist/. */
const PLACE = './moco-web/index.js';

export function library(): Promise<Library> {
  loading ??= import(PLACE) as Promise<Library>;
  return loading;
}
