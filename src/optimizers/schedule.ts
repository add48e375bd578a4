import { MocoError } from '../errors.ts';
import { cos } from '../math.ts';
import type { Settings } from '../settings/settings.ts';
import { SCHEDULES, type ScheduleName } from './names.ts';

/** What the learning rate of a step depends on. */
export type ScheduleSettings = Pick<Settings, 'schedule' | 'learningRate' | 'epochs' | 'warmup'>;

/** Where a run is. */
export interface RunPosition {
  /** Steps before this one, over the whole run. */
  readonly step: number;
  /** Steps of an epoch. */
  readonly perEpoch: number;
}

/** The step schedule multiplies with this at each milestone. */
const STEP_FACTOR = 0.1;

/** v1 lowers the rate at 120 and 160 of 200 epochs; other lengths keep those proportions (60 % and 80 %). */
export function stepMilestones(epochs: number): readonly number[] {
  // Multiplied before it is divided: 0.6 · epochs would round to just above some whole numbers.
  return [(epochs * 3) / 5, (epochs * 4) / 5];
}

/**
 * The schedules, after the warm-up.
 * cosine: lr·½(1 + cos(π·epoch/epochs)); step: lr·0.1 for every milestone reached; both once an epoch, as
 * adjust_learning_rate of facebookresearch/moco has it. thirds: lr·0.1 after each third of the epochs, which is every 30 of
 * 90, as supervised learning has it (the ImageNet example of PyTorch).
 * cosine-by-step: lr·½(1 + cos(π·t/T)), where T steps follow the warm-up and t of them are done, as SimCLR has it
 * (arXiv:2002.05709, B.6). Own cos, so that a run has the same bits everywhere.
 */
const RATES: Readonly<Record<ScheduleName, (settings: ScheduleSettings, at: RunPosition) => number>> = {
  cosine: ({ learningRate: base, epochs }, at) => cosineRate(base, epochOf(at), epochs),
  'cosine-by-step': ({ learningRate: base, epochs, warmup }, at) => {
    const begin = warmup * at.perEpoch;
    return cosineRate(base, at.step - begin, epochs * at.perEpoch - begin);
  },
  step: ({ learningRate: base, epochs }, at) => steppedRate(base, epochOf(at), stepMilestones(epochs)),
  thirds: ({ learningRate: base, epochs }, at) =>
    steppedRate(base, epochOf(at), [epochs / 3, (epochs * 2) / 3]),
};

/**
 * The learning rate of a step. For `warmup` epochs (Goyal et al., arXiv:1706.02677, 2.2) it rises by equal amounts a step
 * from 0, which the first step has, to what the schedule is then given.
 * @throws MocoError usage for a schedule that there is not
 */
export function learningRate(settings: ScheduleSettings, at: RunPosition): number {
  const { schedule, learningRate: base, warmup } = settings;
  const name = SCHEDULES.find((known) => known === schedule);
  if (!name) {
    throw new MocoError('usage', `unknown schedule '${schedule}': choose one of ${SCHEDULES.join(', ')}`);
  }
  const warming = warmup * at.perEpoch;
  return at.step < warming ? (base * at.step) / warming : RATES[name](settings, at);
}

function epochOf({ step, perEpoch }: RunPosition): number {
  return Math.floor(step / perEpoch);
}

/** The first half of a cosine: `base` at 0 of `length`, 0 at its end. */
function cosineRate(base: number, done: number, length: number): number {
  return base * 0.5 * (1 + cos((Math.PI * done) / length));
}

/** `base`·0.1 for every milestone (in epochs) at or before `epoch`. */
export function steppedRate(base: number, epoch: number, milestones: readonly number[]): number {
  let rate = base;
  for (const milestone of milestones) if (epoch >= milestone) rate *= STEP_FACTOR;
  return rate;
}
