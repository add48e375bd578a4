import { PROBE_EPOCHS } from '../evaluate/probe.ts';
import { isImported } from '../settings/owners.ts';
import type { Settings } from '../settings/settings.ts';
import type { NeighborsEvent, PretrainEvent, RunEvent, TestEvent } from '../train/events.ts';
import type { LogWriter } from './log.ts';
import { createProgress, type Progress } from './progress.ts';
import type { Terminal } from './terminal.ts';

/** How far a run came. */
export interface RunOutcome {
  /** Steps done, over the whole run; null when it told of none. */
  step: number | null;
  totalSteps: number | null;
  /** The last checkpoint written. */
  checkpoint: string | null;
  skipped: number;
  /** The last accuracy on the test split, of a method that learns from labels. */
  test: TestEvent | null;
  /** Nearest neighbors at the first and at the last kNN, where both were measured. */
  neighbors: { before: NeighborsEvent; after: NeighborsEvent } | null;
}

/**
 * Shows and logs the events of a run as they come.
 * @param noted is handed a function that prints a line without tearing the progress bar
 */
export async function followRun(
  events: AsyncIterable<PretrainEvent>,
  options: {
    terminal: Terminal;
    log: LogWriter | null;
    firstStep: number;
    noted?: (note: (line: string) => void) => void;
  },
): Promise<RunOutcome> {
  const { terminal, log, firstStep, noted } = options;
  const outcome: RunOutcome = {
    step: null,
    totalSteps: null,
    checkpoint: null,
    skipped: 0,
    test: null,
    neighbors: null,
  };
  let explained = false;
  let untrained: NeighborsEvent | null = null;
  let progress: Progress | null = null;
  const note = (line: string) => (progress ? progress.note(line) : terminal.out(line));
  noted?.(note);
  let epoch = { number: -1, losses: 0, acc1: 0, steps: 0 };
  const endEpoch = () => {
    const { number, losses, acc1, steps } = epoch;
    if (steps > 0) {
      note(
        `epoch ${number + 1}: mean loss ${(losses / steps).toFixed(3)}, acc1 ${(acc1 / steps).toFixed(1)} %`,
      );
    }
  };
  try {
    for await (const event of events) {
      for (const line of log?.write(event) ?? []) note(line);
      switch (event.type) {
        case 'run':
          for (const line of describeRun(event)) note(line);
          outcome.totalSteps = event.totalSteps;
          progress = createProgress(terminal, {
            totalSteps: event.totalSteps,
            epochs: event.config.epochs,
            firstStep,
          });
          break;
        case 'step':
          if (event.epoch !== epoch.number) {
            endEpoch();
            epoch = { number: event.epoch, losses: 0, acc1: 0, steps: 0 };
          }
          epoch.losses += event.loss;
          epoch.acc1 += event.acc1;
          epoch.steps++;
          outcome.step = event.step;
          progress?.step(event);
          break;
        case 'measuring':
          if (!explained) {
            note(
              `${event.what}: is an image's class known by its features? Guessing is right for ${event.chance.toPrecision(2)} %`,
            );
          }
          explained = true;
          progress?.busy(`measuring ${event.what} on ${event.images.toLocaleString('en-US')} images`);
          break;
        case 'knn':
          note(
            `kNN after ${event.epoch} epoch${event.epoch === 1 ? '' : 's'}: ${event.top1.toFixed(2)} % top-1 ` +
              `(${event.features}, k=${event.k}, t=${event.t})`,
          );
          break;
        case 'test':
          outcome.test = event;
          note(
            `test split after ${event.epoch} epochs: ${event.top1.toFixed(2)} % top-1, ${event.top5.toFixed(2)} % top-5`,
          );
          break;
        case 'probe':
          note(
            `probe after ${event.epoch} epochs: ${event.top1.toFixed(2)} % top-1, ${event.top5.toFixed(2)} % top-5 ` +
              `(linear, ${PROBE_EPOCHS} epochs on cached features; uniformity ${event.uniformity.toFixed(2)}, ` +
              `RankMe ${event.rankMe.toFixed(1)})`,
          );
          break;
        case 'neighbors':
          if (untrained) outcome.neighbors = { before: untrained, after: event };
          else untrained = event;
          break;
        case 'skipped':
          outcome.skipped++;
          if (terminal.tally) terminal.tally.add(event.path, event.reason, note);
          else note(`skipped ${event.path}: ${event.reason}`);
          break;
        case 'checkpoint':
          outcome.checkpoint = event.path;
          note(`checkpoint at step ${event.step}: ${event.path}`);
          break;
        case 'notice':
          note(event.message);
          break;
      }
    }
    endEpoch();
  } finally {
    progress?.stop();
  }
  return outcome;
}

function describeRun(run: RunEvent): string[] {
  const { config, backend, adapter, stepsPerEpoch, totalSteps, memory, groupsAtOnce, tiles } = run;
  const { arch, width, stem, dim, mlp, imageSize, batchSize, groups } = config;
  // Of methods that have one.
  const { queueSize }: Settings = config;
  const backbone = isImported(arch) ? '' : `width ${width}, ${stem} stem, `;
  return [
    `${arch} (${backbone}${mlp ? 'MLP' : 'linear'} head, ${dim}-d) at ${imageSize} px, ` +
      `batch ${batchSize} in ${groups} groups${queueSize === undefined ? '' : `, queue ${queueSize}`}`,
    `${totalSteps} steps, ${stepsPerEpoch} an epoch, on ${backend}${adapter ? ` (${adapter})` : ''}`,
    `activations: ${megabytes(memory.keptPerImage)} an image kept, ${megabytes(memory.peak)} at most at one time ` +
      `(recompute ${memory.level}${groupsAtOnce === 1 ? '' : `, ${groupsAtOnce} groups at once`}` +
      `${tiles === undefined ? '' : `, tiles ${tiles.how}`})`,
    `spread: how far apart the embeddings of a batch lie, from 0 (all the same) to 1/√${dim} = ` +
      `${(1 / Math.sqrt(dim)).toFixed(4)} (evenly)`,
  ];
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toPrecision(3)} MB`;
