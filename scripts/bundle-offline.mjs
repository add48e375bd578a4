#!/usr/bin/env node
// `npm run bundle:offline`: an archive that measures moco-web on a Linux machine with an NVIDIA GPU and no network.
// docs/offline-bundle.md. Linux on x86-64 only; uses tar and xz, and strip where it is there.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bundleLibrary } from '../bench/peers/library.mjs';
import { writeThirdPartyNotices } from './build/third-party-notices.mjs';
import { buildWhereStale, ROOT } from './ready.mjs';

const NAME = 'moco-web-offline-linux-x64';
/** Bytes. What carries it to such machines takes 64 MiB with the tree of a project beside it. */
const MOST_BYTES = 45_000_000;
const DAWN = 'node_modules/webgpu';
/** Benchmarks that need nothing but dist/, and onnxruntime-web where they run graphs of their own. */
const BENCHES = [
  'bench/kernels.mjs',
  'bench/kernels-webgpu.mjs',
  'bench/convolutions-webgpu.mjs',
  'bench/losses.mjs',
  'bench/measure',
  'bench/onnxruntime-webgpu.mjs',
  'bench/step-time.mjs',
  'bench/webgpu-clock.mjs',
  ...['initial', 'jax-js', 'library', 'moco-web', 'peer', 'report', 'resnet', 'run', 'serve'].map(
    (name) => `bench/peers/${name}.mjs`,
  ),
];
/** The peer, where `npm install` has been run in bench/peers: the root never installs it. */
const PEER = 'bench/peers/node_modules/@jax-js/jax';
/** Without its .wasm files: that in dist/ is the same. */
const ORT = 'node_modules/onnxruntime-web';
const ORT_FILES = [`${ORT}/package.json`, `${ORT}/dist/ort.webgpu.bundle.min.mjs`];

const OPTIONS = {
  out: { type: 'string', default: join(ROOT, `${NAME}.tar.xz`) },
  level: { type: 'string', default: '6' },
  'vulkan-loader': { type: 'string' },
};

function fail(line, code = 1) {
  console.error(`bundle:offline: ${line}`);
  process.exit(code);
}

/** What a program writes to stdout; null where it fails or is not there. */
function output(program, args) {
  const { status, stdout } = spawnSync(program, args, { cwd: ROOT, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}

function options() {
  try {
    const { values } = parseArgs({ options: OPTIONS });
    if (!/^[0-9]$/.test(values.level)) throw new Error(`--level is a digit, not ${values.level}`);
    return values;
  } catch (error) {
    return fail(error.message, 2);
  }
}

/** The packages that the command needs at run time, and theirs, as folders: what the lock file does not keep for others. */
function runtimePackages() {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  // Links are workspaces: the tests.
  const own = ([path, { dev, devOptional, optional, peer, link }]) =>
    path.startsWith('node_modules/') && !(dev || devOptional || optional || peer || link);
  return Object.entries(packages)
    .filter(own)
    .map(([path]) => path);
}

/** Vulkan's loader of this machine; null where there is none. */
function vulkanLoader(given) {
  if (given !== undefined) return existsSync(given) ? given : fail(`there is no ${given}`, 2);
  const list = output('ldconfig', ['-p']) ?? output('/sbin/ldconfig', ['-p']) ?? '';
  return /libvulkan\.so\.1 \(.*x86-64.*\) => (.*)/.exec(list)?.[1] ?? null;
}

/** The texts that are on this machine, else where to read them. */
function license(title, files, otherwise) {
  const texts = files.filter((file) => existsSync(file)).map((file) => readFileSync(file, 'utf8').trim());
  return `\n${'-'.repeat(80)}\n\n${[title, ...(texts.length > 0 ? texts : [otherwise])].join('\n\n')}\n`;
}

function copyNode(folder) {
  // Some distributions' Node is a small program and a large library.
  if (process.config.variables.node_shared) fail('this Node needs libnode.so; take that of nodejs.org');
  const copy = join(folder, 'node');
  cpSync(realpathSync(process.execPath), copy);
  chmodSync(copy, 0o755);
  if (output('strip', ['--strip-unneeded', copy]) === null) console.log('without strip: Node stays as it is');
}

async function fill(folder, loader) {
  const copy = (path, filter) =>
    cpSync(join(ROOT, path), join(folder, path), { recursive: true, ...(filter ? { filter } : {}) });
  copyNode(folder);
  copy('dist', (path) => !/\.(map|d\.ts)$/.test(path) && basename(path) !== 'types');
  const dawn = [`${DAWN}/dist/linux-x64`, `${DAWN}/index.js`, `${DAWN}/package.json`, `${DAWN}/LICENSE.md`];
  const packages = runtimePackages();
  const peers = existsSync(join(ROOT, PEER)) ? [PEER] : [];
  for (const path of [...packages, ...peers, ...dawn, ...ORT_FILES, 'LICENSE']) copy(path);
  for (const path of BENCHES) copy(path, (file) => !file.endsWith('.d.mts'));
  mkdirSync(join(folder, 'bench/peers/dist'));
  writeFileSync(join(folder, 'bench/peers/dist/library.mjs'), await bundleLibrary());
  const isScript = (path) => !/\.(sh|d\.mts)$/.test(path);
  cpSync(join(ROOT, 'scripts/bundle'), join(folder, 'run'), { recursive: true, filter: isScript });
  cpSync(join(ROOT, 'scripts/bundle/run.sh'), join(folder, 'run.sh'));
  cpSync(join(ROOT, 'docs/offline-bundle.md'), join(folder, 'README.md'));
  if (loader) {
    mkdirSync(join(folder, 'vulkan'));
    cpSync(realpathSync(loader), join(folder, 'vulkan/libvulkan.so.1'));
  }
  writeJson(join(folder, 'package.json'), { name: NAME, private: true, type: 'module' });
  writeJson(join(folder, 'bundle.json'), describe());
  await writeNotices(folder, [...packages, ...peers, DAWN, ORT], loader);
}

const writeJson = (file, value) => writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);

/** What is in it: with the results, so that they tell whose they are. */
function describe() {
  const versionOf = (folder) => JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')).version;
  const changed = output('git', ['status', '--porcelain']);
  const commit = output('git', ['rev-parse', 'HEAD']);
  const jaxJs = existsSync(join(ROOT, PEER)) ? versionOf(PEER) : null;
  return {
    version: versionOf('.'),
    commit,
    changed: changed ? true : undefined,
    webgpu: versionOf(DAWN),
    jaxJs,
  };
}

async function writeNotices(folder, packages, loader) {
  await writeThirdPartyNotices(
    folder,
    packages.map((path) => join(ROOT, path, 'package.json')),
  );
  const notices = join(folder, 'THIRD-PARTY-NOTICES.txt');
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  const ofNode = ['LICENSE', 'share/doc/nodejs/LICENSE'].map((path) => join(prefix, path));
  const node = `https://github.com/nodejs/node/blob/${process.version}/LICENSE`;
  appendFileSync(notices, license(`Node.js ${process.version}, node`, ofNode, node));
  if (!loader) return;
  const texts = ['/usr/share/doc/libvulkan1/copyright', '/usr/share/common-licenses/Apache-2.0'];
  const vulkan = 'License: Apache-2.0\nhttps://github.com/KhronosGroup/Vulkan-Loader/blob/main/LICENSE.txt';
  appendFileSync(notices, license('The Vulkan loader, vulkan/libvulkan.so.1', texts, vulkan));
}

/** The same bytes for the same files. */
function pack(folder, file, level) {
  const same = [
    '--sort=name',
    '--mtime=2000-01-01 00:00Z',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--mode=u=rwX,go=rX',
  ];
  const compress = `--use-compress-program=xz -T0 -${level}`;
  const args = ['--create', `--file=${file}`, ...same, compress, `--directory=${dirname(folder)}`, NAME];
  execFileSync('tar', args, { stdio: 'inherit' });
}

const { out, level, 'vulkan-loader': given } = options();
if (process.platform !== 'linux' || process.arch !== 'x64') {
  fail(
    `this is ${process.platform} on ${process.arch}; the archive takes the Node that runs this, so make it on Linux on x64`,
    2,
  );
}
if (!existsSync(join(ROOT, DAWN))) fail(`there is no ${DAWN}: npm ci`, 2);
const loader = vulkanLoader(given);
if (!existsSync(join(ROOT, PEER))) console.log('WITHOUT jax-js, a peer: cd bench/peers && npm install');
if (!loader)
  console.log('WITHOUT a Vulkan loader: none is here (apt-get install libvulkan1, or --vulkan-loader FILE)');
await buildWhereStale();
const work = mkdtempSync(join(tmpdir(), 'moco-web-bundle-'));
try {
  const folder = join(work, NAME);
  mkdirSync(folder);
  await fill(folder, loader);
  const file = resolve(out);
  pack(folder, file, level);
  const { size } = statSync(file);
  if (size >= MOST_BYTES) {
    rmSync(file);
    throw new Error(`the archive has ${size} bytes, and ${MOST_BYTES} are too many`);
  }
  console.log(`${file}: ${(size / 1e6).toFixed(1)} MB`);
} catch (error) {
  console.error(`bundle:offline: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
