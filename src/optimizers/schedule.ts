import { MocoError } from '../errors.ts';
import { cos } from '../math.ts';
import type { Settings } from '../settings/settings.ts';

/** What the learning rate of an epoch depends on. */
export type ScheduleSettings = Pick<Settings, 'schedule' | 'learningRate' | 'epochs'>;

/** The step schedule multiplies with this at each milestone. */
const STEP_FACTOR = 0.1;

/** v1 lowers the rate at 120 and 160 of 200 epochs; other lengths keep those proportions (60 % and 80 %). */
export function stepMilestones(epochs: number): readonly number[] {
  // Multiplied before it is divided: 0.6 · epochs would round to just above some whole numbers.
  return [(epochs * 3) / 5, (epochs * 4) / 5];
}

/**
 * The schedules: what becomes of the rate of epoch 0.
 * cosine: lr·½(1 + cos(π·epoch/epochs)); step: lr·0.1 for every milestone reached.
 * Source: adjust_learning_rate of facebookresearch/moco. Own cos, so that a run has the same bits everywhere.
 */
const RATES = {
  cosine: (base: number, epoch: number, epochs: number) => base * 0.5 * (1 + cos((Math.PI * epoch) / epochs)),
  step: (base: number, epoch: number, epochs: number) => steppedRate(base, epoch, stepMilestones(epochs)),
};

export const SCHEDULES = Object.keys(RATES) as readonly (keyof typeof RATES)[];

/**
 * The learning rate of an epoch counted from 0; set once at its start.
 * @throws MocoError usage for a schedule that there is not
 */
export function learningRate(
  { schedule, learningRate: base, epochs }: ScheduleSettings,
  epoch: number,
): number {
  const name = SCHEDULES.find((known) => known === schedule);
  if (name) return RATES[name](base, epoch, epochs);
  throw new MocoError('usage', `unknown schedule '${schedule}': choose one of ${SCHEDULES.join(', ')}`);
}

/** `base`·0.1 for every milestone (in epochs) at or before `epoch`. */
export function steppedRate(base: number, epoch: number, milestones: readonly number[]): number {
  let rate = base;
  for (const milestone of milestones) if (epoch >= milestone) rate *= STEP_FACTOR;
  return rate;
}
