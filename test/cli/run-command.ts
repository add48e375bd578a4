import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Terminal } from '../../src/cli/terminal.ts';

export const COMMAND = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/**
 * Runs the built command, as a user would.
 * @param environment variables on top of those of this process
 */
export function mocoWeb(
  args: readonly string[],
  cwd?: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [COMMAND, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd,
      env: { ...process.env, ...environment },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data: Buffer) => {
      stdout += data;
    });
    child.stderr.on('data', (data: Buffer) => {
      stderr += data;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** A terminal that remembers, and that can be interrupted. */
export class FakeTerminal implements Terminal {
  readonly lines: string[] = [];
  readonly errors: string[] = [];
  readonly exits: number[] = [];
  readonly bar = null;
  exitCode = 0;
  #handlers = new Map<string, Set<() => void>>();

  out(line: string): void {
    this.lines.push(line);
  }
  error(line: string): void {
    this.errors.push(line);
  }
  exit(code: number): void {
    this.exits.push(code);
  }
  onSignal(signal: string, handler: () => void): void {
    const handlers = this.#handlers.get(signal) ?? new Set();
    this.#handlers.set(signal, handlers.add(handler));
  }
  offSignal(signal: string, handler: () => void): void {
    this.#handlers.get(signal)?.delete(handler);
  }
  /** Sends a signal; returns how many listened. */
  interrupt(signal: string): number {
    const handlers = [...(this.#handlers.get(signal) ?? [])];
    for (const handler of handlers) handler();
    return handlers.length;
  }
}
