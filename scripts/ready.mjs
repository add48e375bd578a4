/**
 * Installs and builds what is missing or out of date. Uses nothing but Node, because nothing else may be there yet.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What dist/ is made from. The lock file stands for the packages that are bundled. */
const SOURCES = [
  'src',
  'wasm',
  'shaders',
  'scripts/build',
  'esbuild.config.mjs',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.types.json',
];

/** What `npm ci` would install and is not there, of the package itself, and of its tests. */
function missingPackages(withTests) {
  const manifests = ['package.json', ...(withTests ? ['test/package.json'] : [])];
  return manifests.flatMap((manifest) => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, manifest), 'utf8'));
    const names = Object.keys({ ...dependencies, ...devDependencies });
    return names.filter((name) => !existsSync(join(ROOT, 'node_modules', name, 'package.json')));
  });
}

/** Newest change under a file or folder, of a folder itself too: a file may be gone. 0 where there is none. */
function newestChange(path) {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status) return 0;
  if (!status.isDirectory()) return status.mtimeMs;
  return Math.max(status.mtimeMs, ...readdirSync(path).map((name) => newestChange(join(path, name))));
}

/** When the first of all files in a folder was written. */
function oldestFile(path) {
  const status = statSync(path);
  if (!status.isDirectory()) return status.mtimeMs;
  return Math.min(...readdirSync(path).map((name) => oldestFile(join(path, name))));
}

/**
 * Whether dist/ is missing, or was begun before the last change of what it is made from. It is there as a whole or not at
 * all: esbuild.config.mjs builds beside it.
 */
export function isBuildStale() {
  const dist = join(ROOT, 'dist');
  if (!existsSync(dist)) return true;
  const begun = oldestFile(dist);
  return SOURCES.some((source) => newestChange(join(ROOT, source)) > begun);
}

/** Runs a program to its end in the foreground; gives its exit code. */
export function run(program, args) {
  const child = spawn(program, args, { cwd: ROOT, stdio: 'inherit', shell: false });
  // Ctrl-C goes to the whole group: the child decides what to do with it, and this process waits for it.
  const wait = () => {};
  const pass = () => child.kill('SIGTERM');
  process.on('SIGINT', wait).on('SIGTERM', pass);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(signal ? 130 : (code ?? 1)));
  }).finally(() => process.off('SIGINT', wait).off('SIGTERM', pass));
}

/** npm, through the file that runs this script where there is one: `npm` itself is a .cmd file on Windows. */
function npm(args) {
  const script = process.env.npm_execpath;
  return script ? run(process.execPath, [script, ...args]) : run('npm', args);
}

/** @throws Error where the build fails; its own words are on stderr by then */
export async function buildWhereStale() {
  if (!isBuildStale()) return;
  console.log('building dist/');
  const code = await run(process.execPath, ['esbuild.config.mjs']);
  if (code !== 0) throw new Error('the build failed; see above');
}

/**
 * Ends the process, with what to do, where this cannot be done.
 * @param tests install also what only tests need: 400 MB more
 */
export async function getReady({ tests = false } = {}) {
  const [major] = process.versions.node.split('.').map(Number);
  if (major < 20) {
    console.error(`moco-web needs Node 20 or newer, this is ${process.versions.node}`);
    process.exit(2);
  }
  const missing = missingPackages(tests);
  if (missing.length > 0) {
    console.log(`installing packages (${missing.length} are missing)`);
    // onnxruntime-node would fetch code for GPUs, which we have no use for.
    process.env.ONNXRUNTIME_NODE_INSTALL = 'skip';
    // npm would install the optional peer that the lock file has for the tests.
    const which = tests ? [] : ['--workspaces=false', '--legacy-peer-deps'];
    if ((await npm(['ci', '--no-audit', '--no-fund', ...which])) !== 0) {
      console.error('npm ci failed; see above');
      process.exit(1);
    }
  }
  try {
    await buildWhereStale();
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
