import { MocoError } from '../errors.ts';
import type { Terminal } from './terminal.ts';

/** What shells report for a command ended by Ctrl-C. */
export const INTERRUPTED = 130;

/**
 * Turns the first SIGINT or SIGTERM into an abort, so that the step is finished and a checkpoint written;
 * the second ends the process at once. `dispose` gives the signals back.
 */
export function watchInterrupts(
  terminal: Terminal,
  note: (line: string) => void,
): { signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const handler = () => {
    if (controller.signal.aborted) {
      terminal.exit(INTERRUPTED);
      return;
    }
    note('finishing this step and writing a checkpoint; press Ctrl-C again to leave at once');
    controller.abort();
  };
  terminal.onSignal('SIGINT', handler);
  terminal.onSignal('SIGTERM', handler);
  return {
    signal: controller.signal,
    dispose() {
      terminal.offSignal('SIGINT', handler);
      terminal.offSignal('SIGTERM', handler);
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
