import { MultiBar } from 'cli-progress';
import type { StepEvent } from '../train/events.ts';
import { printable } from './printable.ts';
import type { Terminal } from './terminal.ts';

/** Shows how a run goes. */
export interface Progress {
  step(event: StepEvent): void;
  /** What takes its time between two steps. */
  busy(what: string): void;
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

/** What a line tells; where it is too narrow, those with the highest number are left out first. */
function partsOf(event: StepEvent, epochs: number): { readonly text: string; readonly leaveOut: number }[] {
  const { epoch, loss, acc1, imagesPerSecond, embeddingStd, secondsLeft } = event;
  const rate = imagesPerSecond.toFixed(imagesPerSecond < 10 ? 1 : 0);
  return [
    { text: `epoch ${epoch + 1}/${epochs}`, leaveOut: 2 },
    { text: `loss ${loss.toFixed(3)}`, leaveOut: 0 },
    { text: `acc1 ${acc1.toFixed(1)} %`, leaveOut: 1 },
    { text: `${rate} images/s`, leaveOut: 3 },
    { text: `spread ${embeddingStd.toFixed(4)}`, leaveOut: 4 },
    { text: `ETA ${formatSeconds(secondsLeft)}`, leaveOut: 0 },
  ];
}

const GAP = '  ';
const LONGEST_BAR = 20;
const SHORTEST_BAR = 8;

/** A line of a bar and words that is no longer than `columns`. */
export function barLine(
  columns: number,
  [step, steps]: readonly [number, number],
  parts: readonly { readonly text: string; readonly leaveOut: number }[],
): string {
  const place = `${step}/${steps}`;
  let shown = parts;
  const words = () => [place, ...shown.map(({ text }) => text)].join(GAP);
  while (words().length + GAP.length + SHORTEST_BAR > columns) {
    const last = Math.max(0, ...shown.map(({ leaveOut }) => leaveOut));
    if (last === 0) break;
    shown = shown.filter(({ leaveOut }) => leaveOut !== last);
  }
  const length = Math.max(0, Math.min(LONGEST_BAR, columns - words().length - GAP.length));
  const done = Math.floor((length * step) / Math.max(1, steps));
  return `${'='.repeat(done)}${'-'.repeat(length - done)}${GAP}${words()}`.slice(0, columns);
}

/** Words that are longer than a line are left as they are. */
export function wrapped(line: string, columns: number): string {
  const lines = [''];
  for (const word of line.split(' ')) {
    const last = lines.at(-1)!;
    if (last !== '' && last.length + 1 + word.length > columns) lines.push(`  ${word}`);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines.join('\n');
}

function barProgress(stream: NodeJS.WriteStream, length: RunLength): Progress {
  let parts = [{ text: 'starting', leaveOut: 0 }];
  const bars = new MultiBar({
    stream,
    // One column is left free: a terminal may wrap a line that fills it.
    format: (_options, { value, total }) => barLine((stream.columns ?? 80) - 1, [value, total], parts),
    hideCursor: true,
    // It would take over Ctrl-C otherwise.
    gracefulExit: false,
  });
  const bar = bars.create(length.totalSteps, length.firstStep);
  let step = length.firstStep;
  const draw = () => bar.update(step);
  return {
    step(event) {
      step = event.step;
      parts = partsOf(event, length.epochs);
      draw();
    },
    busy(what) {
      parts = [{ text: `${what} …`, leaveOut: 0 }];
      draw();
      bars.update();
    },
    note(line) {
      // The bar turns the terminal's own wrapping off: a longer line would be cut.
      bars.log(`${wrapped(printable(line), (stream.columns ?? 80) - 1)}\n`);
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
      const words = partsOf(event, length.epochs).map(({ text }) => text);
      terminal.out([`step ${event.step}/${length.totalSteps}`, ...words].join(GAP));
    },
    busy: (what) => terminal.out(`${what} …`),
    note: (line) => terminal.out(line),
    stop() {},
  };
}
