import { isInNativeCode } from '../scheduler/worker-client.ts';
import type { ImageTally } from './tally.ts';

/** What a command may touch of the process it runs in: tests put their own in its place. */
export interface Terminal {
  /** A line of results on stdout. */
  out(line: string): void;
  /** A line for people on stderr. */
  error(line: string): void;
  /** What the process will end with. */
  exitCode: number;
  /** Ends the process at once. */
  exit(code: number): void;
  onSignal(signal: 'SIGINT' | 'SIGTERM', handler: () => void): void;
  offSignal(signal: 'SIGINT' | 'SIGTERM', handler: () => void): void;
  /** Where a bar can be drawn; null when stderr is not a terminal. */
  readonly bar: NodeJS.WriteStream | null;
  /** What the command at hand reads of images, from when it knows (data.ts). */
  tally?: ImageTally;
}

/** The process itself. */
export function processTerminal(): Terminal {
  // A reader that went away (`| head`) is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  return {
    out: (line) => void process.stdout.write(`${line}\n`),
    error: (line) => void process.stderr.write(`${line}\n`),
    exitCode: 0,
    exit(code) {
      // Node ends its workers first, and is aborted where one is in native code: the signal's own way out gives a shell 130 all the same.
      if (isInNativeCode()) {
        process.removeAllListeners('SIGINT');
        process.kill(process.pid, 'SIGINT');
      } else process.exit(code);
    },
    onSignal: (signal, handler) => void process.on(signal, handler),
    offSignal: (signal, handler) => void process.off(signal, handler),
    bar: process.stderr.isTTY ? process.stderr : null,
  };
}
