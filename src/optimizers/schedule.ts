import { cos } from '../math.ts';
import type { PretrainConfig } from '../settings/config.ts';

/** What the learning rate of an epoch depends on. */
export type ScheduleSettings = Pick<PretrainConfig, 'schedule' | 'learningRate' | 'epochs'>;

/** The step schedule multiplies with this at each milestone. */
const STEP_FACTOR = 0.1;

/** v1 lowers the rate at 120 and 160 of 200 epochs; other lengths keep those proportions (60 % and 80 %). */
export function stepMilestones(epochs: number): readonly number[] {
  // Multiplied before it is divided: 0.6 · epochs would round to just above some whole numbers.
  return [(epochs * 3) / 5, (epochs * 4) / 5];
}

/**
 * The learning rate of an epoch counted from 0; set once at its start.
 * cosine: lr·½(1 + cos(π·epoch/epochs)); step: lr·0.1 for every milestone reached.
 * Source: adjust_learning_rate of facebookresearch/moco. Own cos, so that a run has the same bits everywhere.
 */
export function learningRate(settings: ScheduleSettings, epoch: number): number {
  const { schedule, epochs } = settings;
  return schedule === 'cosine'
    ? settings.learningRate * 0.5 * (1 + cos((Math.PI * epoch) / epochs))
    : steppedRate(settings.learningRate, epoch, stepMilestones(epochs));
}

/** `base`·0.1 for every milestone (in epochs) at or before `epoch`. */
export function steppedRate(base: number, epoch: number, milestones: readonly number[]): number {
  let rate = base;
  for (const milestone of milestones) if (epoch >= milestone) rate *= STEP_FACTOR;
  return rate;
}
