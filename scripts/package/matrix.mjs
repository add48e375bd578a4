#!/usr/bin/env node
// `npm run test:package`: the packed package in empty projects, one row for each bundler, runtime, compiler and linter, in one table.
//
//     npm run test:package                        all rows
//     npm run test:package -- --ci                those that CI runs
//     npm run test:package -- 'Vite 7' esbuild    rows whose name begins so
//     npm run test:package -- --keep              leaves the projects where they are, and says where
//
// Node alone, so that it should run on Windows and macOS too, where nobody has tried it.
import { fileURLToPath } from 'node:url';
import { getReady } from '../ready.mjs';
import { closeBrowser, missingChromium } from './page.mjs';
import { install, pack, remove, temporaryFolder } from './project.mjs';
import { BUNDLERS } from './rows/bundlers.mjs';
import { FRAMEWORKS } from './rows/frameworks.mjs';
import { RUNTIMES } from './rows/runtimes.mjs';
import { LINTERS, TYPES } from './rows/types.mjs';

export const ROWS = [...RUNTIMES, ...BUNDLERS, ...FRAMEWORKS, ...TYPES, ...LINTERS];

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** What Node gave, which every other has to give, to the last bit. */
function expectSameBits(result, reference) {
  const { losses, row } = result;
  if (losses.length !== 3 || !losses.every(Number.isFinite)) throw new Error(`losses ${losses}`);
  if (row.length === 0 || !row.every(Number.isFinite)) throw new Error(`a row of ${row.length} numbers`);
  if (reference && !same(result, reference)) {
    throw new Error(`other bits than Node's: ${losses} instead of ${reference.losses}`);
  }
}

/**
 * One row, in a project of its own.
 * @param reference what Node gave; null: it is not known yet
 */
export async function runRow(row, tarball, reference, { keep = false } = {}) {
  const folder = await temporaryFolder();
  try {
    const begun = performance.now();
    await install(folder, tarball, row.packages, row);
    const installed = performance.now();
    const outcome = await row.run(folder, tarball);
    if (outcome.result) expectSameBits(outcome.result, reference);
    const [install_, all] = [installed - begun, performance.now() - installed];
    return { ...outcome, installSeconds: install_ / 1000, seconds: all / 1000 };
  } finally {
    if (keep) console.log(`   ${row.name}: ${folder}`);
    else await remove(folder);
  }
}

const HEAD = [
  '',
  'version',
  'settings',
  'install s',
  'build s',
  'built MB (files)',
  'first scripts kB gzip',
  'run s',
  '',
];

function line(row, { version, built, seconds, installSeconds, note, result }) {
  const [buildSeconds, bytes, initial] = built
    ? [
        built.seconds.toFixed(1),
        `${(built.bytes / 1e6).toFixed(1)} (${built.files})`,
        built.initial === undefined ? '' : (built.initial / 1000).toFixed(1),
      ]
    : ['', '', ''];
  const rest = (seconds - (built?.seconds ?? 0)).toFixed(1);
  const ended = note ?? (result ? '3 steps, a row: the bits of Node' : '');
  return [
    row.name,
    version,
    row.settings ?? '',
    installSeconds.toFixed(1),
    buildSeconds,
    bytes,
    initial,
    rest,
    ended,
  ];
}

/** As Markdown. */
export function table(lines) {
  const all = [HEAD, ...lines].map((cells) =>
    cells.map((cell) => String(cell).replaceAll('|', '/').split('\n')[0]),
  );
  const widths = HEAD.map((_, i) => Math.max(3, ...all.map((cells) => cells[i].length)));
  const written = all.map((cells) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`);
  return [
    written[0],
    `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`,
    ...written.slice(1),
  ].join('\n');
}

async function main(args) {
  const names = args.filter((arg) => !arg.startsWith('--'));
  const wanted = ROWS.filter(
    ({ name, ci }) =>
      (!args.includes('--ci') || ci) && (names.length === 0 || names.some((begin) => name.startsWith(begin))),
  );
  if (wanted.length === 0) {
    console.error(`there is no row ${names.join(', ')}: ${ROWS.map(({ name }) => name).join(', ')}`);
    return 2;
  }
  await getReady({ tests: true });
  const folder = await temporaryFolder();
  const keep = args.includes('--keep');
  const lines = [];
  const failures = [];
  try {
    const { file, packed } = await pack(folder);
    console.log(
      `${packed.filename}: ${(packed.size / 1e6).toFixed(1)} MB packed, ${(packed.unpackedSize / 1e6).toFixed(1)} MB installed, ${packed.files.length} files`,
    );
    const [inNode] = RUNTIMES;
    const reference = wanted.some(({ name }) => name !== inNode.name)
      ? (await runRow(inNode, file, null)).result
      : null;
    const noBrowser = missingChromium();
    for (const row of wanted) {
      if (row.inPage && noBrowser) {
        failures.push(`${row.name}: NOT RUN: ${noBrowser}`);
        continue;
      }
      try {
        const outcome = await runRow(row, file, reference, { keep });
        lines.push(line(row, outcome));
        if (outcome.said && args.includes('--say')) console.log(outcome.said.trim());
        // Should the rest never come to its table.
        console.log(`ok   ${lines.at(-1).filter(Boolean).join(' | ')}`);
      } catch (error) {
        console.log(`FAIL ${row.name}\n${error.message}`);
        failures.push(`${row.name}: ${error.message.split('\n')[0]}`);
        lines.push([row.name, '', row.settings ?? '', '', '', '', '', '', 'FAILS']);
      }
    }
    const text = table(lines);
    console.log(`\n${text}\n\n${wanted.length - failures.length} passed, ${failures.length} failed`);
    for (const failure of failures) console.log(`  ${failure}`);
  } finally {
    await closeBrowser();
    await remove(folder);
  }
  return failures.length > 0 ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main(process.argv.slice(2));
