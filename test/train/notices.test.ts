import { describe, expect, it } from 'vitest';
import { resolveConfig } from '../../src/train/configure.ts';
import type { NoticeEvent } from '../../src/train/events.ts';
import { chance, Notices, queueFilledAt } from '../../src/train/notices.ts';

const settings = resolveConfig('moco-cifar', { batchSize: 64, groups: 2, queueSize: 1000, dim: 25 });
const EVEN = 1 / Math.sqrt(25);

/** What is told after steps of these spreads, by step. */
function told(spreads: readonly number[], first = 1): [number, NoticeEvent][] {
  const notices = new Notices(settings);
  return spreads.flatMap((embeddingStd, i) =>
    notices
      .after({ step: first + i, embeddingStd })
      .map((notice) => [first + i, notice] as [number, NoticeEvent]),
  );
}

describe('notices', () => {
  it('the chance level is that of a choice among all answers', () => {
    expect(chance(settings)).toEqual({
      choices: 1001,
      loss: expect.closeTo(Math.log(1001), 12),
      acc1: 100 / 1001,
    });
    const ofOthers = ['simclr-cifar', 'supervised'].map((preset) => chance(resolveConfig(preset))?.choices);
    expect(ofOthers).toEqual([2 * 512 - 1, 1000]);
    expect(new Notices(settings).start()).toEqual([
      {
        type: 'notice',
        about: 'chance',
        message: 'chance level: loss ln(1001) = 6.909, acc1 0.10 %',
      },
    ]);
  });

  it('nothing is told of a queue where there is none', () => {
    const other = resolveConfig('simclr-cifar', { dim: 25 });
    expect(queueFilledAt(other)).toBe(0);
    expect(new Notices(other).after({ step: 1, embeddingStd: EVEN })).toEqual([]);
  });

  it('the queue holds random keys until step ⌈K / batch⌉: told once, at the first step', () => {
    expect(queueFilledAt(settings)).toBe(16);
    const spread = Array(20).fill(EVEN);
    const [[step, notice] = [], ...more] = told(spread);
    expect([step, notice?.about, more]).toEqual([1, 'queue', []]);
    expect(notice?.message).toMatch(/its first 1000 keys.*the loss rises until step 16/);
    // A run that goes on while some are left; one that goes on later.
    expect(told(spread, 15).map(([at]) => at)).toEqual([15]);
    expect(told(spread, 16)).toEqual([]);
  });

  it('an encoder that collapses: told once, after ten steps in turn', () => {
    const low = 0.04 * EVEN;
    const about = (spreads: readonly number[]) =>
      told(spreads, 100).map(([step, { about }]) => `${about} ${step}`);
    expect(about(Array(30).fill(low))).toEqual(['collapse 109']);
    expect(about(Array(9).fill(low))).toEqual([]);
    expect(about([...Array(9).fill(low), EVEN, ...Array(9).fill(low)])).toEqual([]);
    expect(about([...Array(9).fill(low), EVEN, ...Array(10).fill(0)])).toEqual(['collapse 119']);
    // What untrained encoders have.
    expect(about(Array(30).fill(0.28 * EVEN))).toEqual([]);
    expect(told(Array(10).fill(low), 100)[0]?.[1].message).toMatch(
      /spread 0.0080 at step 109; evenly spread ones have 1\/√25 = 0.2000/,
    );
  });
});
