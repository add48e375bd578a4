/** Which suite has which files: what vitest.config.ts says, as vitest reads it. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ALL = readdirSync(join(ROOT, 'test'), { recursive: true })
  .map((name) => `test/${String(name).replaceAll('\\', '/')}`)
  .filter((name) => name.endsWith('.test.ts'));

/** The suites of each file. */
function suites(...args: string[]): Map<string, string[]> {
  const { stdout } = spawnSync(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'list', '--filesOnly', '--json', ...args],
    { cwd: ROOT, encoding: 'utf8' },
  );
  const found = new Map<string, string[]>();
  for (const { file, projectName } of JSON.parse(stdout) as { file: string; projectName: string }[]) {
    const path = relative(ROOT, file).replaceAll('\\', '/');
    found.set(path, [...(found.get(path) ?? []), projectName]);
  }
  return found;
}

it('a plain vitest runs the unit tests alone', () => {
  const found = suites();
  expect(new Set([...found.values()].flat())).toEqual(new Set(['unit']));
  expect([...found.keys()]).toContain('test/random.test.ts');
});

it('every file has one suite, those of every backend and of fuzzed inputs two; some of them run natively, too', () => {
  const found = suites('--project', '*');
  const others = Object.fromEntries(ALL.map((path) => [path, found.get(path)?.sort()]));
  for (const [path, all = []] of Object.entries(others)) {
    const names = path.startsWith('test/native/') ? all : all.filter((name) => name !== 'native');
    if (path.endsWith('.backends.test.ts')) expect(names, path).toEqual(['gpu', 'unit']);
    else if (path.startsWith('test/fuzz/')) expect(names, path).toEqual(['fuzz', 'unit']);
    else expect(names, path).toHaveLength(1);
  }
  const natively = Object.entries(others).filter(([, names]) => names?.includes('native'));
  expect(natively.map(([path]) => path)).toContain('test/autodiff/pytorch-encoders.backends.test.ts');
});
