import { MultiBar } from 'cli-progress';
import type { StepEvent } from '../train/events.ts';
import { printable } from './printable.ts';
import type { Terminal } from './terminal.ts';

/** Shows how a run goes. */
export interface Progress {
  step(event: StepEvent): void;
  /** A line that stays. */
  note(line: string): void;
  stop(): void;
}

/** Between plain lines, where there is no terminal to draw on. */
const PLAIN_EVERY_MS = 5000;

interface RunLength {
  totalSteps: number;
  epochs: number;
  /** Steps done before this run (a resumed one). */
  firstStep: number;
}

/** A bar on a terminal, else a plain line every few seconds. */
export function createProgress(
  terminal: Terminal,
  length: RunLength,
  now = () => performance.now(),
): Progress {
  return terminal.bar ? barProgress(terminal.bar, length) : plainProgress(terminal, length, now);
}

/** 75 → 1:15, 3700 → 1:01:40. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number) => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

function numbersOf(event: StepEvent): string {
  const { loss, acc1, imagesPerSecond, embeddingStd } = event;
  return (
    `loss ${loss.toFixed(3)}  acc1 ${acc1.toFixed(1)} %  ` +
    `${imagesPerSecond.toFixed(imagesPerSecond < 10 ? 1 : 0)} images/s  spread ${embeddingStd.toFixed(4)}`
  );
}

function barProgress(stream: NodeJS.WriteStream, length: RunLength): Progress {
  const bars = new MultiBar({
    stream,
    format: '{bar} {value}/{total}  epoch {epoch}/{epochs}  {numbers}  ETA {left}',
    barsize: 20,
    hideCursor: true,
    // It would take over Ctrl-C otherwise.
    gracefulExit: false,
  });
  const start = { epoch: 0, epochs: length.epochs, numbers: 'starting', left: '–' };
  const bar = bars.create(length.totalSteps, length.firstStep, start);
  return {
    step(event) {
      bar.update(event.step, {
        epoch: event.epoch + 1,
        numbers: numbersOf(event),
        left: formatSeconds(event.secondsLeft),
      });
    },
    note(line) {
      bars.log(`${printable(line)}\n`);
      bars.update();
    },
    stop() {
      bars.stop();
    },
  };
}

function plainProgress(terminal: Terminal, length: RunLength, now: () => number): Progress {
  let last = Number.NEGATIVE_INFINITY;
  return {
    step(event) {
      const isEnd = event.step === length.totalSteps;
      if (!isEnd && now() - last < PLAIN_EVERY_MS) return;
      last = now();
      const place = `step ${event.step}/${length.totalSteps}  epoch ${event.epoch + 1}/${length.epochs}`;
      terminal.out(`${place}  ${numbersOf(event)}  ETA ${formatSeconds(event.secondsLeft)}`);
    },
    note: (line) => terminal.out(line),
    stop() {},
  };
}
