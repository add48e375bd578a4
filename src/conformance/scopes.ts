/** What WebGPU reports late and elsewhere, brought to the case that caused it. */
import { MocoError } from '../errors.ts';

const SCOPES = ['internal', 'out-of-memory', 'validation'] as const;
const CODES = { internal: 'gpu-failed', 'out-of-memory': 'out-of-memory', validation: 'gpu-failed' } as const;

/** A device whose queue did not answer. */
const HANGING = 'the device hangs';

/**
 * Runs `body` within error scopes of a device, and not beyond so many seconds. Without a device it runs as it is.
 * @throws MocoError gpu-failed, out-of-memory — what the device reported; whatever `body` throws
 */
export async function withinScopes(
  device: GPUDevice | undefined,
  seconds: number,
  body: () => Promise<void>,
): Promise<void> {
  if (!device) return body();
  for (const scope of SCOPES) device.pushErrorScope(scope);
  const [ended] = await Promise.allSettled([atMost(seconds, body())]);
  // What is pushed last is popped first.
  const popped = [...SCOPES].reverse().map(async (scope) => ({ scope, error: await device.popErrorScope() }));
  const reported = await Promise.allSettled(popped.map((pop) => atMost(5, pop)));
  for (const report of reported) {
    if (report.status !== 'fulfilled' || !report.value.error) continue;
    const { scope, error } = report.value;
    // The cause of what the body may have met after it.
    throw new MocoError(CODES[scope], `WebGPU reported (${scope}): ${error.message}`);
  }
  if (ended.status === 'rejected') throw ended.reason;
}

/** Why nothing can be asked of the device any more; null where that is not so. */
export function deviceProblem(code: string | null): string | null {
  if (code === 'device-lost') return 'the device was lost';
  return code === 'aborted' ? HANGING : null;
}

async function atMost<T>(seconds: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new MocoError('aborted', `${HANGING}: the case did not end within ${seconds} s`));
    }, 1000 * seconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
