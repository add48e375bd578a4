import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { openLog } from '../../src/cli/log.ts';
import type { KnnEvent, StepEvent } from '../../src/train/events.ts';
import { temporaryFolder } from '../checkpoint/example.ts';

const step = (number: number): StepEvent => ({
  type: 'step',
  step: number,
  epoch: 0,
  loss: 1 / number,
  acc1: 0,
  acc5: 0,
  lr: 0.1,
  imagesPerSecond: 1,
  embeddingStd: 0.5,
  secondsLeft: 1,
});
const knn: KnnEvent = { type: 'knn', epoch: 1, top1: 10, k: 200, t: 0.1, features: 'backbone' };

/** What is logged of events: an estimate of the time is not. */
const text = (...events: readonly object[]) =>
  events.map((event) => `${JSON.stringify({ ...event, secondsLeft: undefined })}\n`).join('');

/** What a log that held `before` holds after a run resumed at a step has written one more. */
async function resumed(before: string, at: number | null): Promise<string> {
  const path = `${await temporaryFolder()}/log`;
  await writeFile(path, before);
  const log = await openLog(path, at);
  log.write(step((at ?? 0) + 1));
  log.close();
  return readFile(path, 'utf8');
}

describe('the log of a resumed run', () => {
  it('tells of each step once: those after the resumed one are cut off', async () => {
    const before = text(step(1), step(2), step(3), step(4));
    expect(await resumed(before, 2)).toBe(text(step(1), step(2), step(3)));
    expect(await resumed(before, 4)).toBe(before + text(step(5)));
  });

  it('loses an unfinished line, wherever the process was killed in it', async () => {
    const whole = text(step(1), step(2));
    const torn = text(step(3));
    for (let length = 0; length < torn.length; length++) {
      expect(await resumed(whole + torn.slice(0, length), 2)).toBe(whole + text(step(3)));
    }
  });

  it('keeps a kNN of before the resumed step, and not one of after it', async () => {
    expect(await resumed(text(step(1), knn, step(2), knn), 1)).toBe(text(step(1), knn, step(2)));
  });

  it('is begun anew by a run that is not resumed', async () => {
    expect(await resumed(text(step(1), step(2)), null)).toBe(text(step(1)));
  });

  it('is made where there is none', async () => {
    const path = `${await temporaryFolder()}/deep/log`;
    (await openLog(path, 3)).close();
    expect(await readFile(path, 'utf8')).toBe('');
  });
});
