import { MocoError } from '../errors.ts';
import { END_SIGNALS, type EndSignal, type Terminal } from './terminal.ts';

export interface Interrupts {
  readonly signal: AbortSignal;
  /** What to end with once `signal` has fired. */
  readonly exitCode: number;
  /** Gives the signals back. */
  dispose(): void;
}

const WHY: Readonly<Record<EndSignal, string>> = {
  SIGINT: '',
  SIGTERM: 'SIGTERM: ',
  SIGHUP: 'the terminal was closed (SIGHUP): ',
  SIGPIPE: 'nobody reads the output any more: ',
};

/**
 * Turns the first SIGINT, SIGTERM or SIGHUP, and the end of whoever reads stdout, into an abort, so that the step is finished and a
 * checkpoint written. A further SIGINT or SIGTERM ends the process at once; not a SIGHUP, of which both a shell and the system send one.
 */
export function watchInterrupts(terminal: Terminal, note: (line: string) => void): Interrupts {
  const controller = new AbortController();
  let exitCode: number = END_SIGNALS.SIGINT;
  const handlers = (Object.keys(END_SIGNALS) as EndSignal[]).map((name) => {
    const isRepeatable = name === 'SIGINT' || name === 'SIGTERM';
    const handler = () => {
      if (controller.signal.aborted) {
        if (isRepeatable) terminal.exit(END_SIGNALS[name]);
        return;
      }
      exitCode = END_SIGNALS[name];
      controller.abort();
      const again = name === 'SIGINT' ? '; press Ctrl-C again to leave at once' : '';
      const line = `${WHY[name]}finishing this step and writing a checkpoint${again}`;
      if (name === 'SIGPIPE') terminal.error(line);
      else note(line);
    };
    terminal.onSignal(name, handler);
    return { name, handler };
  });
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    dispose() {
      for (const { name, handler } of handlers) terminal.offSignal(name, handler);
    },
  };
}

/** A run that was told to stop may say so by an error; that is no failure. */
export async function* tolerateAbort<T>(events: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* events;
  } catch (error) {
    if (!(error instanceof MocoError && error.code === 'aborted')) throw error;
  }
}
