import { MocoError } from '../errors.ts';
import { learningRate, steppedRate } from '../optimizers/schedule.ts';
import type { CaseFamily, CaseGrader } from './case.ts';

interface RecordedSchedule {
  kind: string;
  base_lr: number;
  epochs: number;
  /** The learning rate of every epoch, from 0. */
  lr: readonly number[];
  milestones?: readonly number[];
}

const gradeSchedules: CaseGrader = async ({ json, rtol = 0 }) => {
  const schedules = Object.entries(json as Record<string, RecordedSchedule>);
  if (schedules.length === 0) throw new MocoError('data-invalid', 'schedules: the file holds none');
  const errors = schedules.map(([name, recorded]) => {
    const rates = recorded.lr.map((_, epoch) => rateOf(name, recorded, epoch));
    return worstError(`schedules: ${name}`, recorded.lr, rates, recorded.epochs);
  });
  return fractionOf(Math.max(...errors), rtol);
};

/** The rates of all steps: linear warm-up, then a cosine. */
interface RecordedWarmup {
  base_lr: number;
  epochs: number;
  warmup_epochs: number;
  steps_per_epoch: number;
  /** The learning rate of every step, from 0. */
  lr: readonly number[];
}

const gradeWarmup: CaseGrader = async ({ name, json, rtol = 0 }) => {
  const { base_lr, epochs, warmup_epochs, steps_per_epoch: perEpoch, lr } = json as RecordedWarmup;
  const settings = {
    ...{ schedule: 'cosine-by-step', learningRate: base_lr },
    ...{ epochs, warmup: warmup_epochs },
  };
  const rates = lr.map((_, step) => learningRate(settings, { step, perEpoch }));
  return fractionOf(worstError(name, lr, rates, epochs * perEpoch), rtol);
};

/** The largest relative error; of a rate that is recorded as 0, infinity for any other. NaN stays. */
function worstError(
  name: string,
  recorded: readonly number[],
  rates: readonly number[],
  count: number,
): number {
  if (recorded.length !== count) {
    throw new MocoError('data-invalid', `${name} records ${recorded.length} of ${count} rates`);
  }
  const errors = recorded.map((rate, i) => (rates[i] === rate ? 0 : Math.abs(rates[i]! / rate - 1)));
  return Math.max(...errors);
}

/** As a fraction of the case's rtol. */
function fractionOf(error: number, rtol: number): number {
  return rtol === 0 ? (error === 0 ? 0 : Number.POSITIVE_INFINITY) : error / rtol;
}

function rateOf(
  name: string,
  { kind, base_lr, epochs, milestones }: RecordedSchedule,
  epoch: number,
): number {
  if (kind !== 'cos' && kind !== 'step')
    throw new MocoError('data-invalid', `schedules: ${name} is of unknown kind '${kind}'`);
  if (milestones) return steppedRate(base_lr, epoch, milestones);
  const schedule = kind === 'cos' ? 'cosine' : 'step';
  const settings = { schedule, learningRate: base_lr, epochs, warmup: 0 };
  return learningRate(settings, { step: epoch, perEpoch: 1 });
}

export const scheduleFamily: CaseFamily = { graders: { schedules: gradeSchedules, warmup: gradeWarmup } };
