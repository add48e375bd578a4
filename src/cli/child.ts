/** This command in a process of its own: a crash is its own, and so is its memory. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { runtimeName } from '../runtime/detect.ts';

export interface ChildOutcome {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  /** Its last line on stderr. */
  readonly error: string;
  /** The most memory that was its own at one time (resident); null where the system does not tell (only Linux does). */
  readonly peakBytes: number | null;
}

const LOOK_EVERY_MS = 200;

/**
 * Runs `moco-web` with these arguments to its end.
 * @param signal ends it as Ctrl-C does: with a checkpoint, where it trains
 * @param started is told its process id
 */
export function runChild(
  args: readonly string[],
  options: { signal: AbortSignal; line?: (line: string) => void; started?: (pid: number) => void },
): Promise<ChildOutcome> {
  const { signal, line, started } = options;
  const flags = runtimeName() === 'deno' ? ['run', '-A'] : process.execArgv;
  const child = spawn(process.execPath, [...flags, process.argv[1]!, ...args], {
    // Its own group: Ctrl-C in a terminal reaches this process alone, which passes it on once. When this process is killed, the
    // child ends by its next line, which nobody reads.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out: string[] = [];
  let error = '';
  createInterface({ input: child.stdout }).on('line', (text) => {
    out.push(text);
    line?.(text);
  });
  createInterface({ input: child.stderr }).on('line', (text) => {
    error = text;
  });
  const stop = () => void child.kill('SIGTERM');
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  if (child.pid !== undefined) started?.(child.pid);
  let peak: number | null = null;
  const looking = setInterval(() => {
    peak = peakOf(child.pid) ?? peak;
  }, LOOK_EVERY_MS);
  return new Promise<ChildOutcome>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, by) =>
      resolve({ code, signal: by, stdout: out.join('\n'), error, peakBytes: peak }),
    );
  }).finally(() => {
    clearInterval(looking);
    signal.removeEventListener('abort', stop);
  });
}

/** The kernel keeps the peak itself: nothing is missed between two looks, but the last moment. */
function peakOf(pid: number | undefined): number | null {
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return kilobytes === undefined ? null : 1024 * Number(kilobytes);
  } catch {
    return null;
  }
}
