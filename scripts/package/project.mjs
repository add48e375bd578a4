// Empty projects that install the packed package, as its users do.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const execute = promisify(execFile);
/** Milliseconds: what takes longer hangs. A build of a minute took seven on a machine with other work. */
const LONGEST = 1_500_000;

/**
 * Runs a script of Node, or a program.
 * @returns what it wrote to stdout
 * @throws Error with what it said where it fails
 */
export async function run(program, args, options = {}) {
  try {
    const { stdout } = await execute(program, args, { timeout: LONGEST, maxBuffer: 2 ** 26, ...options });
    return stdout;
  } catch (error) {
    const said = `${error.stdout ?? ''}\n${error.stderr ?? ''}`.trim();
    throw new Error(`${[program, ...args].join(' ')}\n${said.slice(-3000) || error.message}`);
  }
}

/** npm by the script that runs this, where there is one: on Windows `npm` is a .cmd file, which execFile does not start. */
export function npm(args, options) {
  const script = process.env.npm_execpath;
  const windows = process.platform === 'win32';
  return script
    ? run(process.execPath, [script, ...args], options)
    : run(windows ? 'npm.cmd' : 'npm', args, { ...options, shell: windows });
}

/** The package as npm would publish it. @returns {Promise<{ file: string, packed: object }>} packed: what npm says of it */
export async function pack(folder) {
  // dist/ is there: its own prepack would take it away from what runs beside this.
  const stdout = await npm(['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: ROOT,
  });
  const [packed] = JSON.parse(stdout);
  return { file: join(folder, packed.filename), packed };
}

export const temporaryFolder = () => mkdtemp(join(tmpdir(), 'moco-web-matrix-'));
export const remove = (folder) => rm(folder, { recursive: true, force: true, maxRetries: 3 });

/** @param files {Record<string, string | Uint8Array>} by path */
export async function writeFiles(folder, files) {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
}

/** Installs packages of the registry, and the packed one; scripts of packages run only where `scripts` asks for it. */
export async function install(folder, tarball, packages, { scripts = false, type = 'module' } = {}) {
  await writeFiles(folder, { 'package.json': JSON.stringify({ name: 'user', private: true, type }) });
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  const args = ['install', ...quiet, ...(scripts ? [] : ['--ignore-scripts']), ...packages, tarball];
  await npm(args, { cwd: folder });
}

/** The version of an installed package. */
export async function versionOf(folder, name) {
  const { readFile } = await import('node:fs/promises');
  return JSON.parse(await readFile(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version;
}

/** Bytes and number of files of a folder. */
export async function sizeOf(folder) {
  let bytes = 0;
  let files = 0;
  for (const name of await readdir(folder, { recursive: true })) {
    const status = await stat(join(folder, name));
    if (!status.isFile()) continue;
    bytes += status.size;
    files++;
  }
  return { bytes, files };
}
