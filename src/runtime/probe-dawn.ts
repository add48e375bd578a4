/** Asks Dawn for an adapter in a process of its own. Node only. */
import { messageOf } from '../errors.ts';
import { driverAdvice, MissingGpuError } from './gpu-missing.ts';
import { nodeModule } from './node.ts';

/** Codes that Node ends with by itself in no case. */
const NO_ADAPTER = 43;
const NO_START = 44;
const SCRIPT = `import(process.argv[1]).then(({ create }) => create([]).requestAdapter({ powerPreference: process.argv[2] })).then(
  (adapter) => process.exit(adapter ? 0 : ${NO_ADAPTER}),
  (error) => { console.error('Error: ' + error.message); process.exit(${NO_START}); });`;
/** Of what Dawn and the drivers say: the rest is kept from nobody who runs Dawn by hand. */
const MOST_STDERR = 10_000;

interface ProbeOptions {
  powerPreference: GPUPowerPreference;
  timeoutMs?: number;
}

/**
 * Dawn and Vulkan drivers write to stderr themselves where they find nothing that they like, which would bury the one
 * line that a command says, and a broken driver takes its process down. Here both happen elsewhere, and what they wrote
 * tells why there is no adapter.
 * @throws MissingGpuError unless there is an adapter
 */
export async function probeDawn(moduleUrl: string, options: ProbeOptions): Promise<void> {
  const { powerPreference, timeoutMs = 30_000 } = options;
  const { spawn } = await nodeModule('child_process');
  const child = spawn(process.execPath, ['--eval', SCRIPT, moduleUrl, powerPreference], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  let stderr = '';
  child.stderr.on('data', (data: Uint8Array) => {
    if (stderr.length < MOST_STDERR) stderr += data;
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.on('error', (error) => reject(doesNotStart(messageOf(error))));
    child.on('close', (...ending) => resolve(ending));
  });
  if (code === 0) return;
  const said = stderr.split('\n').flatMap((line) => /^(?:Warning|Error): (.*)/.exec(line)?.[1] ?? []);
  const last = said.at(-1) ?? null;
  if (code === NO_START) throw doesNotStart(last ?? 'it does not say why');
  if (code === NO_ADAPTER) throw noAdapter(said);
  if (child.killed) {
    const what = `WebGPU is here, but a GPU driver did not answer in ${timeoutMs / 1000} s`;
    throw new MissingGpuError('driver-hung', what, driverAdvice());
  }
  const what = `WebGPU is here, but a GPU driver crashed (${signal ?? `exit code ${code}`})`;
  throw new MissingGpuError('driver-crashed', what, driverAdvice());
}

/** Where Vulkan's loader says that it found no driver, or is not there itself, nothing else matters. */
function noAdapter(said: readonly string[]): MissingGpuError {
  const advice = driverAdvice();
  const refusal = said.findLast((line) => !/vkCreateInstance|loader_|libvulkan|vulkan-1/i.test(line));
  if (said.length === 0) {
    return new MissingGpuError('no-adapter', 'WebGPU is here, but it finds no GPU adapter', advice);
  }
  return refusal === undefined
    ? new MissingGpuError('no-driver', 'WebGPU is here, but no GPU driver', advice)
    : new MissingGpuError('driver-refused', `WebGPU does not take the GPU driver here (${refusal})`, advice);
}

export function doesNotStart(why: string, cause?: unknown): MissingGpuError {
  return new MissingGpuError(
    'package-broken',
    `the package webgpu does not start here (${why})`,
    'install it anew with `npm install webgpu`',
    { cause },
  );
}
