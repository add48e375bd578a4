// Finds the way to start Vulkan that gives a GPU, by asking `moco-web doctor`.
import { surveyVulkan } from './vulkan.mjs';

/** A driver that says nothing for 30 s is given up by the command itself. */
const DOCTOR_MS = 45_000;

/**
 * Tries the ways to start Vulkan until one gives a GPU; else takes one that gives an adapter in software, else the first.
 * @param moco {(args: string[], env: NodeJS.ProcessEnv, limitMs: number) => Promise} runs the command, see runProgram
 * @param archive {string} the folder of the loader that the archive holds
 * @returns `taken`: its `env`, and what doctor says there (`report`, or `why` it says nothing); `line`: all of it in one line
 *   for people; `looked`: all of it as JSON
 */
export async function findAdapter(moco, archive) {
  const survey = await surveyVulkan(process.env, archive);
  const tried = [];
  for (const way of survey.ways) {
    const asked = { ...way, ...(await askDoctor(moco, way.env)) };
    tried.push(asked);
    if (asked.gpu?.software === false) break;
  }
  const taken = tried.find(({ gpu }) => gpu?.software === false) ?? tried.find(({ gpu }) => gpu) ?? tried[0];
  const line = describe(survey, taken);
  const { ways, ...found } = survey;
  const said = tried.map(({ what, gpu, why }) => ({ what, adapter: gpu?.name ?? null, why }));
  return { taken, line, looked: { line, ...found, tried: said } };
}

async function askDoctor(moco, env) {
  const { stdout, stderr, timedOut } = await moco(['doctor', '--json'], env, DOCTOR_MS);
  try {
    const report = JSON.parse(stdout);
    return { report, gpu: report.gpu, why: report.gpuMissing?.what ?? null };
  } catch {
    const why = timedOut ? 'doctor hangs' : `doctor fails: ${stderr.trim().split('\n').at(-1)}`;
    return { report: null, gpu: null, why };
  }
}

function describe({ loader, nvidia, hasNvidiaGpu }, { driver, gpu, what, why }) {
  const by = loader.from === 'archive' ? `${what}, with the Vulkan loader of this archive` : what;
  if (gpu?.software === false) return `Vulkan driver: found, ${gpu.name}, by ${by}`;
  const line = gpu
    ? `found, but it is SOFTWARE, ${gpu.name}, by ${by}`
    : loader.from === 'none'
      ? `NOT FOUND, as no Vulkan loader loads (${loader.problem})`
      : driver
        ? `found, but it gives NO ADAPTER: ${by} (${why})`
        : `NOT FOUND: ${by} (${why})`;
  return `Vulkan driver: ${line}${hasNvidiaGpu ? adviceOnNvidia(nvidia) : ''}`;
}

/** CUDA alone is what a container gets where nothing else was asked for. Empty where a library of the driver loads. */
function adviceOnNvidia(nvidia) {
  if (nvidia.length === 0 || nvidia.some(({ problem }) => problem === null)) return '';
  const why = nvidia.map(({ problem }) => problem).join('; ');
  return `. An NVIDIA GPU is here, but not its Vulkan (${why}): start the container with NVIDIA_DRIVER_CAPABILITIES=all`;
}
