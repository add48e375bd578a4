// Writes down whose work is inside dist/: each bundled package with its license.
import { existsSync, readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LICENSES = fileURLToPath(new URL('licenses', import.meta.url));

/** The folder of the package that a file belongs to; null for the project's own files. */
export function packageFolder(path) {
  const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path);
  return match && existsSync(join(match[1], 'package.json')) ? match[1] : null;
}

async function notice(folder) {
  const { name, version, license, repository } = JSON.parse(
    await readFile(join(folder, 'package.json'), 'utf8'),
  );
  const where = typeof repository === 'string' ? repository : repository?.url;
  const head = [`${name} ${version}`, `License: ${license}`, ...(where ? [`Repository: ${where}`] : [])].join(
    '\n',
  );
  const files = readdirSync(folder)
    .filter((file) => /^(licen[cs]e|notice|copying)/i.test(file))
    .sort();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  if (texts.length === 0) {
    // Some packages leave the text out: those are here, from their repositories. release-check.mjs asks for each.
    const own = join(LICENSES, `${name.replace('/', '-')}.txt`);
    if (!existsSync(own)) return `${head}\nIts package holds no license file: see its repository.`;
    texts.push(await readFile(own, 'utf8'));
  }
  return [head, ...texts.map((text) => text.trim())].join('\n\n');
}

/**
 * @param outdir {string} gets THIRD-PARTY-NOTICES.txt
 * @param files {string[]} paths of all that was bundled or copied, the project's own included
 */
export async function writeThirdPartyNotices(outdir, files) {
  const folders = new Set(files.map(packageFolder).filter((folder) => folder !== null));
  const notices = await Promise.all([...folders].sort().map(notice));
  const text = ['The files in this folder contain these packages.', ...notices].join(
    `\n\n${'-'.repeat(80)}\n\n`,
  );
  await writeFile(join(outdir, 'THIRD-PARTY-NOTICES.txt'), `${text}\n`);
}
