import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const node = (args: string[], cwd: string) => spawnSync(process.execPath, args, { encoding: 'utf8', cwd });

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'moco-law-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

// The law as it is configured, put to small trees of files that break it.
describe('npm run law', () => {
  /** The rules that these files break, each with the file that breaks it. */
  function broken(files: Readonly<Record<string, string>>): string[] {
    for (const [path, text] of Object.entries(files)) put(path, text);
    const { stdout, stderr } = node(
      [
        join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs'),
        ...['--config', join(ROOT, '.dependency-cruiser.mjs'), '--output-type', 'json', 'src', 'wasm'],
      ],
      root,
    );
    expect(stderr).toBe('');
    const { summary } = JSON.parse(stdout) as {
      summary: { violations: { from: string; rule: { name: string } }[] };
    };
    return summary.violations.map(({ from, rule }) => `${rule.name}: ${from}`).sort();
  }

  it('lets a room import those below it, the settings, and what is for all', () => {
    const leaf = 'export type T = 1;';
    const files = {
      'src/errors.ts': leaf,
      'src/settings/table.ts': "import type { T } from '../errors.ts'; export type S = T;",
      'src/runtime/files.ts': leaf,
      'src/kernels/device.ts':
        "import './sgd.ts'; import '../runtime/files.ts'; import '../../shaders/sgd.wgsl';",
      'src/kernels/sgd.ts': leaf,
      'shaders/sgd.wgsl': '',
      'wasm/index.ts': "import './sgd';",
      'wasm/sgd.ts': '',
      'src/train/trainer.ts':
        "import '../kernels/device.ts'; import '../settings/table.ts'; import '../errors.ts';",
      'src/golden/run.ts': "import '../train/trainer.ts';",
      'src/conformance/index.ts': "import '../kernels/device.ts';",
      'src/cli/cli.ts': "import 'node:fs'; import '../golden/run.ts'; import '../conformance/index.ts';",
      'src/index.ts': "export * from './train/trainer.ts'; export * from './conformance/index.ts';",
    };
    expect(broken(files)).toEqual([]);
  });

  const CIRCLES = [
    "import type { A } from './a.ts'; export type B = A;",
    "import { type A } from './a.ts'; export type B = A;",
    "export type { A as B } from './a.ts';",
    "export * from './a.ts'; export type B = 1;",
    "export type B = 1; export const later = () => import('./a.ts');",
  ];
  it('refuses circles', () => {
    const files = CIRCLES.flatMap((text, i) => [
      [`src/data/${i}/a.ts`, "import type { C } from './c.ts'; export type A = C;"],
      [`src/data/${i}/c.ts`, "import type { B } from './b.ts'; export type C = B;"],
      [`src/data/${i}/b.ts`, text],
    ]);
    // Each is told once, at whichever of its files comes first.
    const told = CIRCLES.map((_, i) => expect.stringMatching(`^no-circle: src/data/${i}/[abc].ts$`));
    expect(broken({ ...Object.fromEntries(files), 'wasm/index.ts': '' })).toEqual(told);
  });

  it('refuses imports against the direction', () => {
    const ends = ['train', 'evaluate', 'cli', 'data', 'runtime'].map((room) => `src/${room}/y.ts`);
    const others = ['src/math.ts', 'test/y.ts', 'shaders/y.wgsl', 'wasm/index.ts'];
    const wrong = [
      [
        'upward',
        'src/models/x.ts',
        "import type { S } from '../train/y.ts';",
        'models-imports-what-is-below',
      ],
      ['far upward', 'src/runtime/x.ts', "export * from '../train/y.ts';", 'runtime-imports-what-is-below'],
      ['sideways', 'src/methods/x.ts', "import '../evaluate/y.ts';", 'methods-imports-what-is-below'],
      ['sideways at the top', 'src/golden/x.ts', "import '../cli/y.ts';", 'golden-imports-what-is-below'],
      ['from settings', 'src/settings/x.ts', "import '../data/y.ts';", 'settings-imports-what-is-below'],
      ['from what all import', 'src/errors.ts', "import './runtime/y.ts';", 'imports-no-room'],
      ['of the command', 'src/index.ts', "import './cli/y.ts';", 'index.ts-imports-what-is-below'],
      ['of everything', 'src/train/x.ts', "import '../index.ts';", 'train-imports-what-is-below'],
      ['from a new room', 'src/attic/x.ts', "import '../math.ts';", 'every-room-has-a-step'],
      ['of tests', 'src/train/z.ts', "import '../../test/y.ts';", 'src-imports-src'],
      ['of a shader', 'src/encoder/x.ts', "import '../../shaders/y.wgsl';", 'shaders-are-of-the-kernels'],
      ['out of wasm', 'wasm/x.ts', "import '../src/math.ts';", 'kernels-of-wasm-are-leaves'],
      ['of Node', 'src/data/x.ts', "import type { Stats } from 'node:fs';", 'node-by-one-door'],
      ['of Node by its old name', 'src/data/z.ts', "await import('fs');", 'node-by-one-door'],
      ['of nothing', 'src/formats/x.ts', "import './gone.ts';", 'nothing-unresolved'],
    ] as const;
    const files = [...ends, ...others].map((path) => [path, '']);
    expect(broken(Object.fromEntries([...files, ...wrong.map(([, path, text]) => [path, text])]))).toEqual(
      wrong.map(([, path, , rule]) => `${rule}: ${path}`).sort(),
    );
  });

  it('lets encoder/ort.ts alone import onnxruntime-web', () => {
    const text = "import type * as Ort from 'onnxruntime-web/wasm'; export type T = typeof Ort;";
    const files = { 'src/encoder/ort.ts': text, 'src/encoder/x.ts': text, 'wasm/index.ts': '' };
    expect(broken(files).filter((line) => line.startsWith('onnx'))).toEqual([
      'onnxruntime-by-one-door: src/encoder/x.ts',
    ]);
  });
});

describe('npm run lint', () => {
  /** The rules that a file of this text breaks. */
  function found(path: string, text: string): string[] {
    for (const name of ['biome.json', '.gitignore', 'scripts/lint/no-import-types.grit']) {
      put(name, readFileSync(join(ROOT, name), 'utf8'));
    }
    put(path, text);
    const biome = join(ROOT, 'node_modules/@biomejs/biome/bin/biome');
    const { stdout } = node([biome, 'lint', '--reporter=json', path], root);
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: { category: string }[] };
    return diagnostics.map(({ category }) => category);
  }
  const lines = (count: number) => `${'//\n'.repeat(count - 1)}export {};\n`;

  it.each([
    ['src/train/trainer.ts', 320],
    ['src/methods/moco.ts', 200],
  ])('refuses a longer %s than %i lines', (path, most) => {
    expect(found(path, lines(most))).toEqual([]);
    expect(found(path, lines(most + 1))).toEqual(['lint/style/noExcessiveLinesPerFile']);
  });

  it('refuses imports that the law does not see', () => {
    const text = "export type T = import('../index.ts').MocoError;\n";
    expect(found('src/data/image.ts', text)).toEqual(['plugin']);
    expect(found('src/runtime/node.ts', text)).toEqual([]);
  });
});
