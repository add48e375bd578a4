#!/usr/bin/env node
// `npm start`: a newcomer's first run. Installs and builds what is missing, then pre-trains on images that the package
// draws itself. Uses nothing but Node, because nothing else may be there yet.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Settings of the first run, all in this one place: at most 2 minutes of training on 2 cores. */
const RUN = 'runs/first';
const SETTINGS = [
  ...['--preset', 'moco-cifar', '--mlp', '--arch', 'resnet18', '--width', '8', '--image-size', '32'],
  ...['--batch-size', '128', '--groups', '4', '--queue', '1024', '--lr', '0.12'],
  ...['--epochs', '7', '--knn-every', '7'],
];

/** What `npm ci` would install and is not there. */
function missingPackages() {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const names = Object.keys({ ...dependencies, ...devDependencies });
  return names.filter((name) => !existsSync(join(ROOT, 'node_modules', name, 'package.json')));
}

/** Newest change under a file or folder; 0 where there is none. */
function newestChange(path) {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status) return 0;
  if (!status.isDirectory()) return status.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newestChange(join(path, name))));
}

function isBuildStale() {
  const built = newestChange(join(ROOT, 'dist', 'cli.js'));
  const sources = [
    'src',
    'wasm',
    'shaders',
    'package.json',
    'esbuild.config.mjs',
    'scripts/build',
    'tsconfig.types.json',
  ];
  return sources.some((source) => newestChange(join(ROOT, source)) > built);
}

/** The first of runs/first, runs/first-2, … that is free. */
function freeRunDirectory() {
  for (let number = 1; ; number++) {
    const name = number === 1 ? RUN : `${RUN}-${number}`;
    if (!existsSync(join(ROOT, name))) return name;
  }
}

/** Runs a program to its end in the foreground; gives its exit code. */
function run(program, args) {
  const child = spawn(program, args, { cwd: ROOT, stdio: 'inherit', shell: false });
  // Ctrl-C goes to the whole group: the child decides what to do with it, and this process waits for it.
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.on(signal, () => signal === 'SIGTERM' && child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(signal ? 130 : (code ?? 1)));
  });
}

/** npm, through the file that runs this script where there is one: `npm` itself is a .cmd file on Windows. */
function npm(args) {
  const script = process.env.npm_execpath;
  return script ? run(process.execPath, [script, ...args]) : run('npm', args);
}

async function must(what, code) {
  if ((await code) !== 0) {
    console.error(`${what} failed; see above`);
    process.exit(1);
  }
}

const [major] = process.versions.node.split('.').map(Number);
if (major < 20) {
  console.error(`moco-web needs Node 20 or newer, this is ${process.versions.node}`);
  process.exit(2);
}
const missing = missingPackages();
if (missing.length > 0) {
  console.log(`installing packages (${missing.length} are missing)`);
  await must('npm ci', npm(['ci', '--no-audit', '--no-fund']));
}
if (isBuildStale()) {
  console.log('building');
  await must('the build', run(process.execPath, ['esbuild.config.mjs']));
}
const out = freeRunDirectory();
const command = ['dist/cli.js', 'pretrain', ...SETTINGS, '--out', out, '--log', `${out}/log.jsonl`];
const code = await run(process.execPath, command);
if (code === 0) {
  const lines = [
    '',
    `Where things are: ${out}/ holds the checkpoints (step-*/), the log (log.jsonl), and neighbors.png:`,
    'query images with their nearest neighbours before and after (green: of the same class).',
    '',
    'What to try next:',
    `  node dist/cli.js pretrain --resume ${out} --epochs 20        train on`,
    '  node dist/cli.js pretrain --data FOLDER --knn-every 1        your own images',
    `  node dist/cli.js knn --checkpoint ${out}                   measure it again`,
    `  node dist/cli.js embed --checkpoint ${out} --data FOLDER --out embeddings.npy`,
    '  node dist/cli.js --help                                      everything else',
  ];
  console.log(lines.join('\n'));
}
process.exitCode = code;
