#!/usr/bin/env node
// `npm run release:check`: whether what lies here can be published as it is. Says of each point `ok`, `MISSING` (what only the owner can
// give) or `FAIL`; publishes nothing. Exit code 1 where anything is missing or fails.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { BUDGETS, firstScripts } from './package/budgets.mjs';
import { runRow } from './package/matrix.mjs';
import { npm, pack, ROOT, remove, temporaryFolder } from './package/project.mjs';
import { LINTERS } from './package/rows/types.mjs';
import { getReady } from './ready.mjs';

/** A package that is larger has something in it that does not belong there. */
const MOST_PACKED = 12_500_000;

const read = (path) => readFileSync(join(ROOT, path), 'utf8');
const manifest = JSON.parse(read('package.json'));
const counts = { ok: 0, MISSING: 0, FAIL: 0 };

function say(verdict, what, detail = '') {
  counts[verdict]++;
  console.log(`${verdict.padEnd(7)} ${what}${detail ? `: ${detail}` : ''}`);
}

/** @param problem {string | null} */
const judge = (what, problem, detail = '') => say(problem ? 'FAIL' : 'ok', what, problem ?? detail);

async function attempt(what, task) {
  try {
    say('ok', what, await task());
  } catch (error) {
    say('FAIL', what, error.message);
  }
}

function checkVersion() {
  const { version } = manifest;
  const semver = /^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version);
  judge('version', semver ? null : `${version} is no version`, version);
  const changelog = read('CHANGELOG.md');
  const headings = [...changelog.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
  const own = headings.some((heading) => heading.startsWith(version));
  judge(
    'changelog',
    own
      ? null
      : `CHANGELOG.md has no section '## ${version} (date)': name the one that is 'Unreleased' (there are: ${headings.join(', ')})`,
    version,
  );
  const lock = JSON.parse(read('package-lock.json'));
  judge(
    'package-lock.json',
    lock.version === version ? null : `it says ${lock.version}: npm install --package-lock-only`,
    version,
  );
  const { scripts = {} } = manifest;
  const installing = ['preinstall', 'install', 'postinstall'].filter((name) => name in scripts);
  judge('no scripts at installation', installing.length > 0 ? installing.join(', ') : null);
}

/** What the owner has not given yet: nobody else may make it up. */
function checkOwner() {
  for (const field of ['repository', 'homepage', 'bugs', 'author']) {
    say(manifest[field] ? 'ok' : 'MISSING', `package.json ${field}`);
  }
  const security = read('SECURITY.md');
  say(/@|https?:\/\//.test(security) ? 'ok' : 'MISSING', 'a contact in SECURITY.md');
  judge('keywords', manifest.keywords?.length > 4 ? null : 'few or none', manifest.keywords?.join(', '));
}

function checkLicenses() {
  judge('LICENSE', existsSync(join(ROOT, 'LICENSE')) ? null : 'there is none', manifest.license);
  const notices = read('dist/THIRD-PARTY-NOTICES.txt')
    .split(`\n\n${'-'.repeat(80)}\n\n`)
    .slice(1);
  const nameOf = (notice) => notice.split('\n')[0];
  const without = notices.filter((notice) => /^Its package holds no license file/m.test(notice)).map(nameOf);
  judge(
    'licenses of what is bundled, with their texts',
    notices.length < 5
      ? 'the notices are empty'
      : without.length > 0
        ? `no text of ${without.join(', ')}: put it into scripts/build/licenses/`
        : null,
    `${notices.length} packages`,
  );
  const unlicensed = notices.filter((notice) => !/^License: (?!undefined)\S/m.test(notice)).map(nameOf);
  judge('each of them says its license', unlicensed.length > 0 ? unlicensed.join(', ') : null);
}

/** Links of the documents in the package to files of it. */
function checkLinks(files) {
  const dead = [];
  for (const document of files.filter((path) => path.endsWith('.md'))) {
    // Not in code, which is full of brackets.
    const text = read(document)
      .replace(/^```.*?^```/gms, '')
      .replace(/`[^`\n]*`/g, '');
    for (const [, target] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const path = normalize(join(dirname(document), target)).replaceAll('\\', '/');
      const isThere =
        files.includes(path) || files.some((file) => file.startsWith(`${path.replace(/\/$/, '')}/`));
      if (!isThere) dead.push(`${document} → ${target}`);
    }
  }
  judge('links of the documents', dead.length > 0 ? dead.join('; ') : null);
}

async function main() {
  await getReady({ tests: true });
  checkVersion();
  checkOwner();
  checkLicenses();
  for (const [entry, budget] of Object.entries(BUDGETS)) {
    const { bytes } = await firstScripts(entry);
    const size = `${(bytes / 1000).toFixed(1)} kB gzip of at most ${budget / 1000}`;
    judge(`first scripts of ${entry}`, bytes > budget ? size : null, size);
  }
  const folder = await temporaryFolder();
  try {
    const { file, packed } = await pack(folder);
    const size = `${(packed.size / 1e6).toFixed(1)} MB packed, ${(packed.unpackedSize / 1e6).toFixed(1)} MB installed, ${packed.files.length} files`;
    judge('size', packed.size > MOST_PACKED ? `${size}: more than ${MOST_PACKED / 1e6} MB` : null, size);
    checkLinks(packed.files.map(({ path }) => path));
    for (const linter of LINTERS)
      await attempt(linter.name, async () => (await runRow(linter, file, null)).note);
    await attempt('npm publish --dry-run', async () => {
      await npm(['publish', '--dry-run', '--ignore-scripts', '--access', 'public', file], { cwd: ROOT });
      return 'nothing was sent';
    });
  } finally {
    await remove(folder);
  }
  console.log(
    `\n${counts.ok} ok, ${counts.MISSING} missing, ${counts.FAIL} failed: ${counts.MISSING + counts.FAIL > 0 ? 'not to be published yet' : 'ready (provenance: the release workflow)'}`,
  );
  return counts.MISSING + counts.FAIL > 0 ? 1 : 0;
}

process.exitCode = await main();
