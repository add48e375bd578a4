import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { barLine, createProgress, wrapped } from '../../src/cli/progress.ts';
import type { StepEvent } from '../../src/train/events.ts';
import { FakeTerminal } from './run-command.ts';

const EVENT: StepEvent = {
  type: 'step',
  step: 1234,
  epoch: 11,
  loss: 6.12345,
  acc1: 12.5,
  acc5: 30,
  lr: 0.03,
  imagesPerSecond: 1234,
  embeddingStd: 0.0297,
  secondsLeft: 4372,
};
const PARTS = [
  { text: 'epoch 12/200', leaveOut: 2 },
  { text: 'loss 6.123', leaveOut: 0 },
  { text: 'acc1 12.5 %', leaveOut: 1 },
  { text: '1234 images/s', leaveOut: 3 },
  { text: 'spread 0.0297', leaveOut: 4 },
  { text: 'ETA 1:12:52', leaveOut: 0 },
];

test.each([
  [200, /^={9}-{11} {2}1234\/2730 {2}epoch 12\/200 {2}loss 6\.123 {2}.* spread 0\.0297 {2}ETA 1:12:52$/],
  [79, /^=+-+ {2}1234\/2730 {2}epoch 12\/200 {2}loss 6\.123 {2}acc1 12\.5 % {2}ETA 1:12:52$/],
  [50, /^=+-+ {2}1234\/2730 {2}loss 6\.123 {2}ETA 1:12:52$/],
  [20, /^ {2}1234\/2730 {2}loss/],
])('in %i columns a line is whole, and loses what matters least', (columns, expected) => {
  const line = barLine(columns, [1234, 2730], PARTS);
  expect(line).toMatch(expected);
  expect(line.length).toBeLessThanOrEqual(columns);
});

test('lines that stay are wrapped between words, and none of them is lost', () => {
  const line = `${'word '.repeat(40)}${'x'.repeat(90)}`;
  const lines = wrapped(line, 79).split('\n');
  expect(lines.join(' ').replace(/ +/g, ' ')).toBe(line);
  expect(lines.slice(0, -1).every(({ length }) => length <= 81)).toBe(true);
});

test('a terminal of 80 columns is shown whole lines', async () => {
  const written: string[] = [];
  const stream = new Writable({
    write(chunk, _, done) {
      written.push(String(chunk));
      done();
    },
  });
  const bar = Object.assign(stream, { isTTY: true, columns: 80, rows: 24 }) as unknown as NodeJS.WriteStream;
  const progress = createProgress(Object.assign(new FakeTerminal(), { bar }), {
    totalSteps: 2730,
    epochs: 200,
    firstStep: 0,
  });
  progress.busy('measuring kNN on 5,000 images');
  progress.note(`chance level: ${'word '.repeat(30)}`);
  progress.step(EVENT);
  progress.stop();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they move the cursor
  const lines = written.join('').split(/\n|\x1b\[[0-9;?]*[A-Za-z]/);
  expect(lines.every(({ length }) => length < 80)).toBe(true);
  const text = lines.join('\n');
  expect(text).toContain('measuring kNN on 5,000 images …');
  expect(text).toMatch(/1234\/2730 {2}epoch 12\/200 {2}loss 6\.123 {2}acc1 12\.5 % {2}ETA 1:12:52/);
});
