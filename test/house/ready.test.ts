/** When dist/ is built anew: in checkouts of their own, as every suite here runs from the real one. */
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SOURCES = ['src', 'wasm', 'shaders', 'scripts', 'esbuild.config.mjs', 'package.json'];
const OTHERS = ['package-lock.json', 'tsconfig.json', 'tsconfig.types.json'];

let checkout: string;
beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), 'moco-ready-'));
});
afterEach(() => rmSync(checkout, { recursive: true }));

const at = (path: string) => join(checkout, path);
/** In seconds from a day that is long gone. */
const written = (path: string, second: number) => utimesSync(at(path), 1e9 + second, 1e9 + second);

/** Runs a line of a script in that checkout, with all that ready.mjs exports. */
function ready(line: string): { code: number | null; out: string; err: string } {
  const script = `import * as ready from ${JSON.stringify(at('scripts/ready.mjs'))}; ${line}`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
    cwd: checkout,
  });
  return { code: status, out: stdout.trim(), err: stderr };
}

describe('a build is stale', () => {
  const stale = () => ready('console.log(ready.isBuildStale())').out;

  beforeEach(() => {
    for (const folder of ['src/data', 'scripts/build', 'dist/types'])
      mkdirSync(at(folder), { recursive: true });
    cpSync(join(ROOT, 'scripts/ready.mjs'), at('scripts/ready.mjs'));
    for (const file of [
      'src/data/image.ts',
      'package-lock.json',
      'dist/codec.wasm',
      'dist/cli.js',
      'dist/types/index.d.ts',
    ])
      writeFileSync(at(file), '');
    for (const old of ['src', 'src/data', 'src/data/image.ts', 'scripts/build', 'package-lock.json'])
      written(old, 0);
    written('dist/codec.wasm', 10);
    written('dist/cli.js', 20);
    written('dist/types/index.d.ts', 30);
  });

  it('not where nothing has changed since', () => expect(stale()).toBe('false'));

  it.each([
    ['a source that is newer', () => written('src/data/image.ts', 40)],
    ['a source that changed while it was built', () => written('src/data/image.ts', 15)],
    ['a source that is gone', () => rmSync(at('src/data/image.ts'))],
    ['other packages', () => written('package-lock.json', 40)],
    ['no dist', () => rmSync(at('dist'), { recursive: true })],
  ])('with %s', (_what, change) => {
    change();
    expect(stale()).toBe('true');
  });
});

it('a build that fails at its end leaves dist/ as it was, and stale', () => {
  for (const path of [...SOURCES, ...OTHERS]) cpSync(join(ROOT, path), at(path), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), at('node_modules'));
  mkdirSync(at('dist'));
  writeFileSync(at('dist/cli.js'), '// of before');
  written('dist/cli.js', 0);
  appendFileSync(at('src/index.ts'), "export const wrong: number = 'no number';\n");

  const { code, out, err } = ready('await ready.buildWhereStale()');
  expect([code, out]).toEqual([1, expect.stringMatching(/error TS2322/)]);
  expect(err).toMatch(/the build failed; see above/);
  // It has come as far as the types.
  expect(existsSync(at('dist-unfinished/cli.js'))).toBe(true);
  expect(existsSync(at('dist/kernels.wasm'))).toBe(false);
  expect(ready('console.log(ready.isBuildStale())').out).toBe('true');
});
