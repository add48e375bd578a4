import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { MocoError, messageOf } from '../errors.ts';
import type { PretrainEvent } from '../moco/events.ts';

/** Writes the log of a run: one JSON object a line, numbers in full round-trip precision. */
export interface LogWriter {
  /** Writes run, step and knn events and passes over the others. @throws MocoError write-failed */
  write(event: PretrainEvent): void;
  close(): void;
}

/** The fields of the contract, in its order; what else an event carries is for the terminal. */
function logged(event: PretrainEvent): object | null {
  switch (event.type) {
    case 'run': {
      const { type, config, versions, backend, adapter } = event;
      return { type, config, versions, backend, adapter };
    }
    case 'step': {
      const { type, step, epoch, loss, acc1, acc5, lr, imagesPerSecond, embeddingStd } = event;
      return { type, step, epoch, loss, acc1, acc5, lr, imagesPerSecond, embeddingStd };
    }
    case 'knn': {
      const { type, epoch, top1, k, t, features } = event;
      return { type, epoch, top1, k, t, features };
    }
    default:
      return null;
  }
}

/**
 * Opens a log, making its folder. Written synchronously: a line is with the system when `write` returns.
 * @param append go on with an earlier log (a resumed run) rather than replace it
 * @throws MocoError usage when it cannot be opened
 */
export function openLog(path: string, append: boolean): LogWriter {
  let file: number;
  try {
    mkdirSync(dirname(path), { recursive: true });
    file = openSync(path, append ? 'a' : 'w');
  } catch (cause) {
    throw new MocoError('usage', `cannot write the log ${path}: ${messageOf(cause)}`, { cause });
  }
  return {
    write(event) {
      const line = logged(event);
      if (!line) return;
      const bytes = new TextEncoder().encode(`${JSON.stringify(line)}\n`);
      try {
        for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
      } catch (cause) {
        throw new MocoError('write-failed', `cannot write the log ${path}: ${messageOf(cause)}`, { cause });
      }
    },
    close() {
      try {
        fsyncSync(file); // pipes and devices cannot, and need not
      } catch {}
      closeSync(file);
    },
  };
}
