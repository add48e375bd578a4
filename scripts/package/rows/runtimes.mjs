// Processes: Node by import and by require, Deno, Bun, and the test runners of users.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { PROGRAM } from '../program.mjs';
import { ROOT, run, versionOf, writeFiles } from '../project.mjs';

const PRINT = `trainAndEmbed(library, 'run').then((result) => console.log('RESULT ' + JSON.stringify(result)));\n`;
const ESM = `import * as library from 'moco-web';\nimport { trainAndEmbed } from './program.mjs';\n${PRINT}`;
const CJS = `const library = require('moco-web');\nconst { trainAndEmbed } = require('./program.mjs');\n${PRINT}`;

const resultIn = (text) => JSON.parse(/^RESULT (.*)$/m.exec(text)[1]);

function process_({
  name,
  packages = [],
  ci = false,
  type = 'module',
  files,
  start,
  of,
  scripts = false,
  settings = 'none',
}) {
  return {
    name,
    packages,
    ci,
    type,
    scripts,
    settings,
    async run(folder) {
      await writeFiles(folder, { 'program.mjs': PROGRAM, ...files });
      const text = await start(folder);
      return { version: await of(folder), result: resultIn(text) };
    },
  };
}

const node = (folder, ...args) => run(process.execPath, args, { cwd: folder });
const nodeVersion = async () => process.versions.node;

/** A version of Node other than the one here, from its package of this platform: no install script. */
function otherNode(major) {
  const isWindows = process.platform === 'win32';
  const name = `node-${isWindows ? 'win' : process.platform}-${process.arch}`;
  return process_({
    name: `Node ${major}`,
    packages: [`${name}@${major}`],
    files: { 'main.mjs': ESM },
    start: (folder) =>
      run(join(folder, 'node_modules', name, 'bin', isWindows ? 'node.exe' : 'node'), ['main.mjs'], {
        cwd: folder,
      }),
    of: (folder) => versionOf(folder, name),
  });
}

function deno() {
  const require = createRequire(join(ROOT, 'test/package.json'));
  return require('deno/install_api.cjs').runInstall();
}
const inDeno = (folder, ...args) =>
  run(deno(), args, { cwd: folder, env: { ...process.env, DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' } });
const denoVersion = async (folder) => /deno (\S+)/.exec(await inDeno(folder, '--version'))[1];

/** Test runners print what is logged in ways of their own. */
const USERS_TEST = `import { writeFileSync } from 'node:fs';
import * as library from 'moco-web';
import { trainAndEmbed } from './program.mjs';
test('trains', async () => {
  writeFileSync('result.txt', 'RESULT ' + JSON.stringify(await trainAndEmbed(library, 'run')));
}, 120000);
`;

export const RUNTIMES = [
  process_({
    name: 'Node, import',
    ci: true,
    files: { 'main.mjs': ESM },
    start: (folder) => node(folder, 'main.mjs'),
    of: nodeVersion,
  }),
  process_({
    name: 'Node, require',
    ci: true,
    type: 'commonjs',
    files: { 'main.cjs': CJS },
    start: (folder) => node(folder, 'main.cjs'),
    of: nodeVersion,
  }),
  // Those that are kept up, beside 20, with which the rest is tried.
  ...[22, 24, 26].map(otherNode),
  process_({
    name: 'Deno, node_modules',
    files: { 'main.mjs': ESM },
    start: (folder) => inDeno(folder, 'run', '-A', 'main.mjs'),
    of: denoVersion,
  }),
  process_({
    name: 'Deno, npm: specifier',
    // Not published yet: npm: finds in node_modules what a registry would give.
    settings: '--node-modules-dir=manual',
    files: { 'main.mjs': ESM.replace("'moco-web'", "'npm:moco-web'") },
    start: (folder) => inDeno(folder, 'run', '-A', '--node-modules-dir=manual', 'main.mjs'),
    of: denoVersion,
  }),
  process_({
    name: 'Bun',
    packages: ['bun'],
    scripts: true,
    files: { 'main.mjs': ESM },
    start: (folder) => run(join(folder, 'node_modules/bun/bin/bun.exe'), ['main.mjs'], { cwd: folder }),
    of: (folder) => versionOf(folder, 'bun'),
  }),
  process_({
    name: 'vitest of a user',
    packages: ['vitest@4'],
    files: { 'a.test.mjs': `import { test } from 'vitest';\n${USERS_TEST}` },
    async start(folder) {
      await node(folder, 'node_modules/vitest/vitest.mjs', 'run');
      return readFile(join(folder, 'result.txt'), 'utf8');
    },
    of: (folder) => versionOf(folder, 'vitest'),
  }),
  process_({
    name: 'jest of a user',
    packages: ['jest@30'],
    settings: 'node --experimental-vm-modules',
    files: {
      'a.test.mjs': USERS_TEST,
      'jest.config.mjs': "export default { testMatch: ['**/a.test.mjs'], transform: {} };\n",
    },
    async start(folder) {
      await node(folder, '--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js');
      return readFile(join(folder, 'result.txt'), 'utf8');
    },
    of: (folder) => versionOf(folder, 'jest'),
  }),
];
