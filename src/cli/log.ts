import { closeSync, constants, fsyncSync, openSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';
import { MocoError, messageOf } from '../errors.ts';
import { makeFolder } from '../runtime/make-folder.ts';
import type { PretrainEvent } from '../train/events.ts';
import { WholeRecords } from './whole-records.ts';

/** Writes the log of a run: one JSON object a line, numbers in full round-trip precision. */
export interface LogWriter {
  /**
   * Writes run, step, epoch, knn, probe and test events and passes over the others. A run is worth more than its log: what cannot be
   * written is left out.
   * @returns what people should be told of that: once, until it works again
   */
  write(event: PretrainEvent): readonly string[];
  close(): void;
}

/** One that writes to all of them. */
export function together(writers: readonly LogWriter[]): LogWriter {
  return {
    write: (event) => writers.flatMap((writer) => writer.write(event)),
    close: () => {
      for (const writer of writers) writer.close();
    },
  };
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
    case 'epoch':
      return event;
    case 'knn': {
      const { type, epoch, top1, k, t, features } = event;
      return { type, epoch, top1, k, t, features };
    }
    case 'test': {
      const { type, epoch, top1, top5 } = event;
      return { type, epoch, top1, top5 };
    }
    case 'probe': {
      const { type, epoch, top1, top5, uniformity, rankMe } = event;
      return { type, epoch, top1, top5, uniformity, rankMe };
    }
    default:
      return null;
  }
}

/**
 * Opens a log, making its folder. Written synchronously: a line is with the system when `write` returns.
 * @param resumedStep go on with an earlier log: what it tells of later steps, which are taken again, is cut off, and so
 * is a line that a killed process left unfinished. null: replace what is there
 * @throws MocoError usage when it cannot be opened
 */
export async function openLog(path: string, resumedStep: number | null): Promise<LogWriter> {
  let file: number;
  try {
    await makeFolder(dirname(path));
    requireReader(path);
    if (resumedStep !== null) cutLater(path, resumedStep);
    file = openSync(path, resumedStep === null ? 'w' : 'a');
  } catch (cause) {
    throw new MocoError('usage', `cannot write the log ${path}: ${messageOf(cause)}`, { cause });
  }
  const lines = new WholeRecords(file, `the log ${path}`);
  return {
    write(event) {
      const line = logged(event);
      return line ? lines.append(new TextEncoder().encode(`${JSON.stringify(line)}\n`)) : [];
    },
    close() {
      try {
        fsyncSync(file); // pipes and devices cannot, and need not
      } catch {}
      closeSync(file);
    },
  };
}

/** A pipe may be a log, if somebody reads it: to open it otherwise would wait for that. */
function requireReader(path: string): void {
  if (!statSync(path, { throwIfNoEntry: false })?.isFIFO()) return;
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENXIO') throw cause;
    throw new Error('it is a pipe that nobody reads', { cause });
  }
}

/** Cuts a log where it first tells of a step after `step`, or has a line that is not whole. Pipes are left alone. */
function cutLater(path: string, step: number): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isFile()) return;
  const bytes = readFileSync(path);
  let kept = 0;
  while (kept < bytes.length) {
    const end = bytes.indexOf('\n', kept);
    if (end < 0 || isLater(bytes.toString('utf8', kept, end), step)) break;
    kept = end + 1;
  }
  if (kept < bytes.length) truncateSync(path, kept);
}

function isLater(line: string, step: number): boolean {
  try {
    const event: unknown = JSON.parse(line);
    const told = typeof event === 'object' && event !== null && 'step' in event ? event.step : 0;
    return typeof told !== 'number' || told > step;
  } catch {
    return true;
  }
}
