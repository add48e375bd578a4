import { describe, expect, it } from 'vitest';
import { SCHEDULES } from '../../src/optimizers/names.ts';
import {
  learningRate,
  type ScheduleSettings,
  stepMilestones,
  steppedRate,
} from '../../src/optimizers/schedule.ts';

const perEpoch = 7;
const ofEpochs = (settings: ScheduleSettings, epochs: readonly number[]) =>
  epochs.map((epoch) => learningRate(settings, { step: epoch * perEpoch, perEpoch }));
const ofSteps = (settings: ScheduleSettings, count: number) =>
  Array.from({ length: count }, (_, step) => learningRate(settings, { step, perEpoch }));

describe('learning rate', () => {
  it('cosine: full at epoch 0, half in the middle, above 0 at the last epoch', () => {
    const settings = { schedule: 'cosine', learningRate: 0.03, epochs: 200, warmup: 0 };
    const [first, second, middle, last] = ofEpochs(settings, [0, 1, 100, 199]);
    expect(first).toBe(0.03);
    expect(middle).toBeCloseTo(0.015, 15);
    // From golden/schedules.json (Python's math.cos).
    expect(Math.abs(second! / 0.029998149487224908 - 1)).toBeLessThan(1e-12);
    expect(last).toBeGreaterThan(0);
  });

  it.each([200, 100, 10, 5, 15, 35])('step: ×0.1 at 60 %% and 80 %% of %i epochs', (epochs) => {
    const settings = { schedule: 'step', learningRate: 1, epochs, warmup: 0 };
    const rates = ofEpochs(
      settings,
      Array.from({ length: epochs }, (_, epoch) => epoch),
    );
    const drops = rates.flatMap((rate, epoch) => (epoch > 0 && rate !== rates[epoch - 1] ? [epoch] : []));
    expect(drops).toEqual([Math.ceil((epochs * 6) / 10), Math.ceil((epochs * 8) / 10)]);
    expect(rates.at(-1)).toBeCloseTo(0.01, 15);
  });

  it.each(['cosine', 'step'])('%s: one rate in all steps of an epoch', (schedule) => {
    const settings = { schedule, learningRate: 0.3, epochs: 5, warmup: 0 };
    const byEpoch = ofEpochs(settings, [0, 1, 2, 3, 4]);
    const steps = ofSteps(settings, 5 * perEpoch);
    expect(steps).toEqual(byEpoch.flatMap((rate) => Array.from({ length: perEpoch }, () => rate)));
  });

  it('cosine-by-step: falls with every step, from the full rate towards 0', () => {
    const settings = { schedule: 'cosine-by-step', learningRate: 0.3, epochs: 2, warmup: 0 };
    const rates = ofSteps(settings, 2 * perEpoch);
    expect(rates[0]).toBe(0.3);
    expect(rates[perEpoch]).toBeCloseTo(0.15, 15);
    for (const [step, rate] of rates.entries()) {
      expect(rate).toBeGreaterThan(0);
      if (step > 0) expect(rate).toBeLessThan(rates[step - 1]!);
    }
  });

  it('warm-up and cosine-by-step: the rates that were recorded for SimCLR', () => {
    // golden-method/warmup_cosine.json: 2 of 6 epochs of 4 steps.
    const settings = { schedule: 'cosine-by-step', learningRate: 0.3, epochs: 6, warmup: 2 };
    const recorded = new Map([
      [0, 0],
      [1, 0.0375],
      [7, 0.2625],
      [8, 0.3],
      [9, 0.29711779206048455],
      [16, 0.15],
      [23, 0.0028822079395154354],
    ]);
    for (const [step, rate] of recorded) {
      const error = Math.abs(learningRate(settings, { step, perEpoch: 4 }) - rate);
      expect(error, `step ${step}`).toBeLessThanOrEqual(1e-12 * rate);
    }
  });

  it.each([2, 1.5])('a warm-up of %d epochs rises evenly, and leaves later epochs as they are', (warmup) => {
    for (const schedule of ['cosine', 'step']) {
      const settings = { schedule, learningRate: 0.3, epochs: 5, warmup };
      const rates = ofSteps(settings, 5 * perEpoch);
      const without = ofSteps({ ...settings, warmup: 0 }, 5 * perEpoch);
      const end = Math.ceil(warmup * perEpoch);
      expect(rates.slice(end)).toEqual(without.slice(end));
      for (let step = 0; step < end; step++) {
        expect(rates[step]).toBeCloseTo((0.3 * step) / (warmup * perEpoch), 15);
      }
    }
  });

  it('has the milestones of v1 at 200 epochs and takes explicit ones', () => {
    expect(stepMilestones(200)).toEqual([120, 160]);
    expect([0, 1, 2, 3].map((epoch) => steppedRate(10, epoch, [1, 3]))).toEqual([10, 1, 1, 0.1]);
  });

  it('refuses a schedule that there is not', () => {
    expect(SCHEDULES).toEqual(['cosine', 'cosine-by-step', 'step', 'thirds']);
    const settings = { schedule: 'toString', learningRate: 1, epochs: 1, warmup: 0 };
    expect(() => learningRate(settings, { step: 0, perEpoch })).toThrow("unknown schedule 'toString'");
  });
});
