import { describe, expect, it } from 'vitest';
import { learningRate, stepMilestones, steppedRate } from '../../src/optimizers/schedule.ts';

describe('learning rate', () => {
  it('cosine: full at epoch 0, half in the middle, above 0 at the last epoch', () => {
    const settings = { schedule: 'cosine', learningRate: 0.03, epochs: 200 } as const;
    expect(learningRate(settings, 0)).toBe(0.03);
    expect(learningRate(settings, 100)).toBeCloseTo(0.015, 15);
    // From golden/schedules.json (Python's math.cos).
    expect(Math.abs(learningRate(settings, 1) / 0.029998149487224908 - 1)).toBeLessThan(1e-12);
    expect(learningRate(settings, 199)).toBeGreaterThan(0);
  });

  it.each([200, 100, 10, 5, 15, 35])('step: ×0.1 at 60 %% and 80 %% of %i epochs', (epochs) => {
    const settings = { schedule: 'step', learningRate: 1, epochs } as const;
    const rates = Array.from({ length: epochs }, (_, epoch) => learningRate(settings, epoch));
    const drops = rates.flatMap((rate, epoch) => (epoch > 0 && rate !== rates[epoch - 1] ? [epoch] : []));
    expect(drops).toEqual([Math.ceil((epochs * 6) / 10), Math.ceil((epochs * 8) / 10)]);
    expect(rates.at(-1)).toBeCloseTo(0.01, 15);
  });

  it('has the milestones of v1 at 200 epochs and takes explicit ones', () => {
    expect(stepMilestones(200)).toEqual([120, 160]);
    expect([0, 1, 2, 3].map((epoch) => steppedRate(10, epoch, [1, 3]))).toEqual([10, 1, 1, 0.1]);
  });
});
