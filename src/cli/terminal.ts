import { messageOf } from '../errors.ts';
import { isInNativeCode } from '../scheduler/worker-client.ts';
import { printable } from './printable.ts';
import type { ImageTally } from './tally.ts';

/** What ends a command, and its exit code then. SIGPIPE: nobody reads stdout any more, of which Node tells by an error. */
export const END_SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGPIPE: 1 } as const;
export type EndSignal = keyof typeof END_SIGNALS;

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
  onSignal(signal: EndSignal, handler: () => void): void;
  offSignal(signal: EndSignal, handler: () => void): void;
  /** Where a bar can be drawn; null when stderr is not a terminal. */
  readonly bar: NodeJS.WriteStream | null;
  /** What the command at hand reads of images, from when it knows (data.ts). */
  tally?: ImageTally;
}

/** The process itself. A command whose output is lost goes on without it, and ends with 1 where it would end with 0. */
export function processTerminal(): Terminal {
  const unread = new Set<() => void>();
  const lost = { out: false, error: false };
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (lost.out) return;
    lost.out = true;
    process.exitCode ||= 1;
    // A reader that went away (`| head`) wants no more; a disk that is full wants the work done all the same.
    if (error.code === 'EPIPE') for (const handler of unread) handler();
    else terminal.error(`cannot write to stdout: ${messageOf(error)}; going on without it`);
  });
  process.stderr.on('error', () => {
    lost.error = true;
  });
  const terminal: Terminal = {
    out: (line) => {
      if (!lost.out) process.stdout.write(`${printable(line)}\n`);
    },
    error: (line) => {
      if (!lost.error) process.stderr.write(`${printable(line)}\n`);
    },
    exitCode: 0,
    exit(code) {
      // Node ends its workers first, and is aborted where one is in native code: the signal's own way out gives a shell the same code.
      const signal = signalOf(code);
      if (isInNativeCode() && signal) {
        process.removeAllListeners(signal);
        process.kill(process.pid, signal);
      } else process.exit(code);
    },
    onSignal: (signal, handler) =>
      void (signal === 'SIGPIPE' ? unread.add(handler) : process.on(signal, handler)),
    offSignal: (signal, handler) =>
      void (signal === 'SIGPIPE' ? unread.delete(handler) : process.off(signal, handler)),
    bar: process.stderr.isTTY ? process.stderr : null,
  };
  return terminal;
}

function signalOf(code: number): NodeJS.Signals | null {
  const [signal] = Object.entries(END_SIGNALS).find(([, ends]) => ends === code) ?? [];
  return signal === undefined || signal === 'SIGPIPE' ? null : (signal as EndSignal);
}
