// `npm run docs`: the documentation as static files in docs/site/dist: the README, the guides, and the API reference from the
// docstrings. typedoc needs a TypeScript that it knows, so its packages are a folder of their own, installed here alone.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ENTRIES } from '../../scripts/build/entries.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '../..');

function run(program, args, cwd) {
  const { status, error } = spawnSync(program, args, { cwd, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(join(HERE, 'node_modules/typedoc/package.json'))) {
  const npm = process.env.npm_execpath;
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  if (npm) run(process.execPath, [npm, ...args], HERE);
  else run('npm', args, HERE);
}
// All of docs/, what users look up first: a page that is not here would be a file to download where another names it.
const PAGES = [
  ...['settings', 'data', 'encoders', 'pytorch', 'bundlers', 'page', 'distributed'],
  ...['performance', 'results', 'numerics', 'architecture', 'dependencies', 'offline-bundle', 'releases'],
];
// In the order in which a newcomer wants them; others follow.
const FIRST = [
  'search-my-photos',
  'pretrain-a-folder',
  'any-onnx-encoder',
  'evaluate',
  'test-your-gpu',
  'how-it-works',
];
const place = (name) => {
  const at = FIRST.indexOf(name.replace('.md', ''));
  return at < 0 ? FIRST.length : at;
};
const guides = readdirSync(join(ROOT, 'docs/guides'))
  .filter((name) => name.endsWith('.md'))
  .sort((a, b) => place(a) - place(b));
const documents = [
  ...guides.map((name) => join(ROOT, 'docs/guides', name)),
  ...PAGES.map((name) => join(ROOT, 'docs', `${name}.md`)),
];
run(
  process.execPath,
  [
    join(HERE, 'node_modules/typedoc/bin/typedoc'),
    ...['--options', join(HERE, 'typedoc.json')],
    ...Object.values(ENTRIES).flatMap((file) => ['--entryPoints', join(ROOT, file)]),
    ...documents.flatMap((file) => ['--projectDocuments', file]),
  ],
  HERE,
);
