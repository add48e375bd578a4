/** Node's own modules, which Deno has too. */

import type * as fs from 'node:fs';
import { MocoError } from '../errors.ts';
import { runtimeName } from './detect.ts';

export type { Dirent } from 'node:fs';
export type FileSystem = typeof fs;

const NO_PATHS =
  'a page cannot read files by their path: give it files (File, Blob), bytes, or an address (URL)';

/** What runtime/ uses of them. */
interface NodeModules {
  child_process: typeof import('node:child_process');
  fs: FileSystem;
  'fs/promises': typeof import('node:fs/promises');
  module: typeof import('node:module');
  os: typeof import('node:os');
  path: typeof import('node:path');
  url: typeof import('node:url');
  v8: typeof import('node:v8');
  worker_threads: typeof import('node:worker_threads');
}

/**
 * A module of Node by its name without `node:`. Put together at run time, so that bundlers for browsers, which refuse or
 * replace what they can read, leave it alone. Call it only where the runtime has such modules.
 */
export function nodeModule<Name extends keyof NodeModules>(name: Name): Promise<NodeModules[Name]> {
  if (runtimeName() === 'browser') return Promise.reject(new MocoError('usage', NO_PATHS));
  return import(/* webpackIgnore: true */ /* @vite-ignore */ `node:${name}`);
}
