import {
  aboveZero,
  callback,
  expectArgument,
  expectOptions,
  type Forms,
  made,
  optional,
  record,
  text,
} from '../arguments.ts';
import { MocoError, messageOf } from '../errors.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { Random, STREAMS } from '../random.ts';
import { WASM, WEBGPU } from './accuracy.ts';
import { type Case, type KernelName, SLOW_AFTER } from './case.ts';
import { deviceProblem, withinScopes } from './scopes.ts';
import { selectCases } from './suite.ts';
import { type Failure, Trial } from './trial.ts';

export interface ConformanceOptions {
  /** Only the case of this name, or else those whose names begin so. */
  only?: string;
  /** The device of the kernels: each case then runs inside its error scopes, and its limits are respected. */
  device?: GPUDevice;
  /** What the device calls itself, for the report. */
  adapter?: string;
  /** Seconds after which a case counts as hanging. Default 120. */
  timeout?: number;
}

export interface ConformanceResult {
  /** Unlike all others; `only` takes it. */
  case: string;
  kernel: KernelName | 'compile';
  status: 'ok' | 'FAIL' | 'skipped';
  /** The largest error as a fraction of its bound (0: exact); null where nothing was compared. */
  worst: number | null;
  /** What was furthest beyond its bound. */
  failure: Failure | null;
  /** Why it was skipped, or what was thrown or reported. */
  reason: string | null;
  milliseconds: number;
  backend: 'wasm' | 'webgpu';
  /** null on wasm, and where nobody said. */
  adapter: string | null;
  /** The command that runs this case alone. */
  reproduce: string;
}

const KERNELS = made<Kernels>('kernels, from createWasmKernels or createWebGpuKernels', {
  allocate: callback,
  read: callback,
  backend: text(),
});
const OPTIONS: Forms<ConformanceOptions> = {
  only: optional(text('the name of a case, or the beginning of one')),
  device: optional(made<GPUDevice>('a GPUDevice', { limits: record, pushErrorScope: callback })),
  adapter: optional(text()),
  timeout: optional(aboveZero),
};

const SECONDS = 120;

/**
 * Runs the cases on kernels, the cheap ones first, and gives each result as it is there. Nothing that kernels do is thrown:
 * it is a FAIL of the case.
 * @throws MocoError usage — no case has such a name
 */
export async function* runConformance(
  kernels: Kernels,
  options: ConformanceOptions = {},
): AsyncGenerator<ConformanceResult, void, undefined> {
  expectArgument('runConformance', 'kernels', kernels, KERNELS);
  expectOptions('runConformance', options, OPTIONS);
  const { only, device, adapter = null, timeout = SECONDS } = options;
  const cases = selectCases(only);
  if (cases.length === 0)
    throw new MocoError(
      'usage',
      `no case of the suite has a name that begins with ${only}: give another \`only\`, of CASE_NAMES`,
    );
  /** Why nothing more can be told: the device is gone, or hangs. */
  let over: string | null = null;
  const begin = performance.now();
  for (const given of cases) {
    const start = performance.now();
    const about = { case: given.name, kernel: given.kernel, backend: kernels.backend, adapter };
    const reproduce = reproduceCommand(kernels.backend, given.name);
    const unfit: string | null =
      over ?? (device ? beyondLimits(given, device) : null) ?? tooLate(given, (start - begin) / 1000);
    const outcome: Outcome = unfit ? skipped(unfit) : await runCase(given, kernels, device, timeout);
    if (outcome.fatal) over = `${outcome.fatal} in ${given.name}`;
    const { status, worst, failure, reason } = outcome;
    yield { ...about, status, worst, failure, reason, milliseconds: performance.now() - start, reproduce };
  }
}

export function reproduceCommand(backend: 'wasm' | 'webgpu', name: string): string {
  return `moco-web doctor --kernels --backend ${backend} --only '${name}'`;
}

type Outcome = Pick<ConformanceResult, 'status' | 'worst' | 'failure' | 'reason'> & { fatal?: string };

function skipped(reason: string): Outcome {
  return { status: 'skipped', worst: null, failure: null, reason };
}

function beyondLimits({ elements = 0 }: Case, { limits }: GPUDevice): string | null {
  const most = Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
  return 4 * elements > most ? `an array of ${4 * elements} bytes; this device binds at most ${most}` : null;
}

function tooLate({ name, slow }: Case, seconds: number): string | null {
  if (!slow || seconds < SLOW_AFTER) return null;
  return `the run has taken ${Math.round(seconds)} s, and this case as much again: --only '${name}' runs it`;
}

async function runCase(
  given: Case,
  kernels: Kernels,
  device: GPUDevice | undefined,
  timeout: number,
): Promise<Outcome> {
  const random = new Random({ seed: 0, stream: STREAMS.conformance, image: hash(given.name) });
  const trial = new Trial(kernels, kernels.backend === 'wasm' ? WASM : WEBGPU, random);
  const whole = async (): Promise<void> => {
    try {
      await given.run(trial);
    } finally {
      trial.free();
    }
  };
  let reason: string | null = null;
  let problem: string | null = null;
  try {
    await withinScopes(device, timeout, whole);
  } catch (error) {
    problem = error instanceof MocoError ? error.code : null;
    reason = problem ? `${problem}: ${messageOf(error)}` : messageOf(error);
  }
  // What is large may be more than there is memory for.
  if (problem === 'out-of-memory' && given.elements !== undefined) return skipped(reason!);
  const { worst, failure } = trial;
  const status = reason !== null || failure ? 'FAIL' : 'ok';
  const fatal = deviceProblem(problem);
  return { status, worst, failure, reason, ...(fatal ? { fatal } : {}) };
}

/** FNV-1a: a case has its own numbers, whichever others run. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const letter of text) value = Math.imul(value ^ letter.codePointAt(0)!, 0x01000193) >>> 0;
  return value;
}
