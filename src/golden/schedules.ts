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

/** Worst relative error of all recorded rates, as a fraction of the case's rtol. */
const gradeSchedules: CaseGrader = async ({ json, rtol = 0 }) => {
  let worst = 0;
  const schedules = Object.entries(json as Record<string, RecordedSchedule>);
  if (schedules.length === 0) throw new MocoError('data-invalid', 'schedules: the file holds none');
  for (const [name, recorded] of schedules) {
    if (recorded.lr.length !== recorded.epochs) {
      throw new MocoError(
        'data-invalid',
        `schedules: ${name} records ${recorded.lr.length} of ${recorded.epochs} rates`,
      );
    }
    recorded.lr.forEach((expected, epoch) => {
      const error = Math.abs(rateOf(name, recorded, epoch) - expected) / Math.abs(expected);
      worst = Math.max(worst, error); // keeps a NaN
    });
  }
  return rtol === 0 ? (worst === 0 ? 0 : Number.POSITIVE_INFINITY) : worst / rtol;
};

function rateOf(
  name: string,
  { kind, base_lr, epochs, milestones }: RecordedSchedule,
  epoch: number,
): number {
  if (kind === 'cos') return learningRate({ schedule: 'cosine', learningRate: base_lr, epochs }, epoch);
  if (kind !== 'step') throw new MocoError('data-invalid', `schedules: ${name} is of unknown kind '${kind}'`);
  return milestones
    ? steppedRate(base_lr, epoch, milestones)
    : learningRate({ schedule: 'step', learningRate: base_lr, epochs }, epoch);
}

export const scheduleFamily: CaseFamily = { graders: { schedules: gradeSchedules } };
