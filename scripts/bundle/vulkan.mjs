// Looks for Vulkan drivers and for Vulkan's loader. Containers often have NVIDIA's library and not the ICD file that tells
// Vulkan of it, or no loader.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { runProgram } from './processes.mjs';

const LOADER = 'libvulkan.so.1';
/** Both hold the whole Vulkan driver. The first wants libX11 and libXext, which headless machines may lack. */
const NVIDIA_LIBRARIES = ['libGLX_nvidia.so.0', 'libEGL_nvidia.so.0'];
/** Where container runtimes put NVIDIA's libraries and files, out of the way of the linker and of Vulkan's loader. */
const NVIDIA_LIBRARY_FOLDERS = ['/usr/local/nvidia/lib64', '/usr/local/nvidia/lib'];
const NVIDIA_ICD_FOLDERS = ['/usr/local/nvidia/share/vulkan/icd.d', '/usr/local/nvidia/vulkan/icd.d'];
/** The variables, the newer first, that name all ICD files that Vulkan may look at. */
const ICD_VARIABLES = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'];

/**
 * Opens a library as Vulkan's loader would. Whatever is no addon of Node ends in an error that says so, after it was
 * loaded. In a process of its own: drivers crash.
 */
const OPEN = `let said = 'loads';
try { process.dlopen({ exports: {} }, process.argv[1]); } catch (error) {
  if (!/did not self-register/.test(error.message)) said = error.message;
}
require('node:fs').writeSync(1, said);`;

/** Null where the linker loads it, else why not. */
async function whyNotLoaded(library, env) {
  const { stdout, signal, timedOut } = await runProgram(process.execPath, ['-e', OPEN, library], {
    env,
    limitMs: 20_000,
  });
  if (stdout === 'loads') return null;
  if (timedOut) return 'it hangs';
  return stdout.trim() || `it crashes (${signal})`;
}

/** The environment in which the linker also looks into a folder. */
const withFolder = (env, folder) => ({
  ...env,
  LD_LIBRARY_PATH: [folder, env.LD_LIBRARY_PATH].filter(Boolean).join(':'),
});

const only = (file) => Object.fromEntries(ICD_VARIABLES.map((name) => [name, file]));

/** Where Vulkan's loader looks for ICD files, and where else they are found. */
function icdFolders(env) {
  const list = (name, otherwise) => (env[name] || otherwise).split(':');
  const home = env.HOME || homedir();
  const standard = [
    env.XDG_CONFIG_HOME || join(home, '.config'),
    ...list('XDG_CONFIG_DIRS', '/etc/xdg'),
    '/etc',
    env.XDG_DATA_HOME || join(home, '.local/share'),
    ...list('XDG_DATA_DIRS', '/usr/local/share:/usr/share'),
  ];
  return [...new Set([...standard.map((folder) => join(folder, 'vulkan/icd.d')), ...NVIDIA_ICD_FOLDERS])];
}

function icdFiles(folder) {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return names.sort().map((name) => join(folder, name));
}

/** The library that an ICD file names, and why it would not load, null where it does. */
async function readIcd(file, env) {
  let library = null;
  try {
    library = JSON.parse(readFileSync(file, 'utf8')).ICD.library_path;
  } catch (error) {
    return { file, library, problem: error.message };
  }
  // A path is relative to the file; a bare name is looked up by the linker.
  const path = library.includes('/') ? resolve(dirname(file), library) : library;
  return { file, library, problem: await whyNotLoaded(path, env) };
}

/** Gone when this process ends. */
function writeIcd(library) {
  const folder = mkdtempSync(join(tmpdir(), 'moco-web-icd-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'nvidia_icd.json');
  const icd = { file_format_version: '1.0.0', ICD: { library_path: library, api_version: '1.3.0' } };
  writeFileSync(file, JSON.stringify(icd));
  return file;
}

/** The loader of this machine where it has one, else that of the archive. */
async function findLoader(env, archive) {
  const missing = await whyNotLoaded(LOADER, env);
  if (missing === null) return { from: 'machine', problem: null, env };
  const own = withFolder(env, archive);
  const problem = existsSync(join(archive, LOADER)) ? await whyNotLoaded(LOADER, own) : missing;
  return problem === null ? { from: 'archive', problem, env: own } : { from: 'none', problem, env };
}

/**
 * @param env {NodeJS.ProcessEnv} what the machine has set
 * @param archive {string} the folder of the loader to take where the machine has none
 * @returns what was looked at, and `ways` to start Vulkan, the best first: `{ what, env }`, of which `driver` tells whether a
 *   driver's library loads. The last is as Vulkan's loader looks by itself.
 */
export async function surveyVulkan(env, archive) {
  const { env: base, ...loader } = await findLoader(env, archive);
  const variable = ICD_VARIABLES.find((name) => base[name]);
  const files = variable ? base[variable].split(':') : icdFolders(base).flatMap(icdFiles);
  const icds = await Promise.all(files.map((file) => readIcd(file, base)));
  const ways = [];
  const isNvidia = ({ library }) => /nvidia/i.test(library ?? '');
  const libraries = [];
  if (!variable) {
    for (const { file } of icds.filter((icd) => isNvidia(icd) && icd.problem === null)) {
      ways.push({ what: file, driver: true, env: { ...base, ...only(file) } });
    }
    for (const library of NVIDIA_LIBRARIES) {
      const found = await findNvidia(library, base);
      libraries.push({ library, problem: found.problem });
      if (found.problem !== null) continue;
      const what = `${found.where} by an ICD file of our own`;
      ways.push({ what, driver: true, env: { ...found.env, ...only(writeIcd(library)) } });
    }
  }
  const loads = icds.filter(({ problem }) => problem === null).map(({ file }) => file);
  const what = variable ? `${variable}=${base[variable]}` : loads.join(', ') || 'no ICD file';
  ways.push({ what, driver: loads.length > 0, env: base });
  return { loader, icds, nvidia: libraries, hasNvidiaGpu: await hasNvidiaGpu(base), ways };
}

async function findNvidia(library, env) {
  let problem = await whyNotLoaded(library, env);
  if (problem === null) return { problem, where: library, env };
  for (const folder of NVIDIA_LIBRARY_FOLDERS) {
    const path = join(folder, library);
    if (!existsSync(path)) continue;
    // Its other libraries lie beside it.
    const there = withFolder(env, folder);
    problem = await whyNotLoaded(library, there);
    if (problem === null) return { problem, where: path, env: there };
  }
  return { problem };
}

/** CUDA is there, with which containers are often started without graphics. */
async function hasNvidiaGpu(env) {
  return existsSync('/dev/nvidiactl') || (await whyNotLoaded('libcuda.so.1', env)) === null;
}
