// Runs programs under a limit of time, so that a driver that hangs or crashes takes nothing else with it.
import { spawn } from 'node:child_process';

/** Of what a program says, its end is kept: the graphs of errors can be long. */
const MOST_STDERR = 8000;
/** Process groups under way. A signal to this process ends them, too. */
const running = new Set();

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
]) {
  process.on(signal, () => {
    for (const child of running) killGroup(child);
    process.exit(code);
  });
}

function killGroup(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

/**
 * Never throws: a program that does not start is an answer, with the code null and the reason in stderr. At the limit, the
 * program and what it has started are killed.
 * @param limitMs {number} milliseconds
 * @returns {Promise<{ code: number | null, signal: string | null, timedOut: boolean, seconds: number, stdout: string, stderr: string }>}
 */
export function runProgram(program, args, { env = process.env, limitMs }) {
  const started = performance.now();
  // A group of its own: the probe of the GPU driver is a process that it starts.
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let [stdout, stderr, timedOut] = ['', '', false];
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr = (stderr + text).slice(-MOST_STDERR);
  });
  running.add(child);
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup(child);
  }, limitMs);
  return new Promise((resolve) => {
    const end = (code, signal) => {
      clearTimeout(timer);
      running.delete(child);
      const seconds = (performance.now() - started) / 1000;
      resolve({ code, signal, timedOut, seconds, stdout, stderr });
    };
    child.on('error', (error) => {
      stderr = error.message;
      end(null, null);
    });
    child.on('close', end);
  });
}
