/** The numbers at the end of a report: a row a measure, a column a run. */
import { type Measure, measuresOf, valuesOf } from './measures.ts';
import { type RunRecord, stepsInAll, stepsPerEpoch } from './run-record.ts';
import { duration, number, withUnit } from './words.ts';

export interface SummaryRow {
  readonly title: string;
  /** A cell a run; '' where it has none. */
  readonly cells: readonly string[];
  /** Which of them is best, where one is. */
  readonly best: number | null;
}

/** Of measures of single steps, which differ from each other: the mean of the last ones. */
export function lastMean(run: RunRecord, key: string): { value: number; over: number } | null {
  const { values } = valuesOf(run, key);
  if (values.length === 0) return null;
  const over = Math.min(values.length, stepsPerEpoch(run) ?? 100);
  return { value: values.slice(-over).reduce((sum, value) => sum + value, 0) / over, over };
}

/** First and last value of what was measured between steps. */
export function endsOf(run: RunRecord, key: string): { first: number | null; last: number } | null {
  const { steps, values } = valuesOf(run, key);
  if (values.length === 0) return null;
  return { first: steps[0] === 0 ? values[0]! : null, last: values.at(-1)! };
}

/** Seconds that the steps took, what lay between them included. */
export function secondsOf({ steps, config }: RunRecord): number {
  const batch = Number(config.batchSize);
  const seconds = steps.reduce((sum, { imagesPerSecond = 0 }) => {
    return sum + (imagesPerSecond > 0 ? batch / imagesPerSecond : 0);
  }, 0);
  return Number.isFinite(seconds) ? seconds : 0;
}

export function summaryOf(runs: readonly RunRecord[]): readonly SummaryRow[] {
  const { accuracies, steps, others } = measuresOf(runs);
  const top5 = topFive(runs);
  const row = (title: string, cell: (run: RunRecord) => string): SummaryRow => ({
    ...{ title, cells: runs.map(cell), best: null },
  });
  return [
    row('steps', (run) => {
      const all = stepsInAll(run);
      return `${number(run.steps.at(-1)?.step ?? 0)}${all === null ? '' : ` of ${number(all)}`}`;
    }),
    row('epochs', (run) => {
      const perEpoch = stepsPerEpoch(run);
      return perEpoch ? number((run.steps.at(-1)?.step ?? 0) / perEpoch, 2) : '';
    }),
    ...[...accuracies, ...top5, ...others].flatMap((measure) => betweenRows(runs, measure)),
    ...steps
      .filter(({ key }) => key !== 'lr' && key !== 'imagesPerSecond')
      .map(({ key, title, unit }) =>
        row(`${title}, mean of the last epoch`, (run) => {
          const mean = lastMean(run, key);
          return mean ? withUnit(mean.value, unit) : '';
        }),
      ),
    row('images a second, median', (run) => {
      const sorted = valuesOf(run, 'imagesPerSecond').values.sort((a, b) => a - b);
      return sorted.length === 0 ? '' : number(sorted[sorted.length >> 1]!, 1);
    }),
    row('time of all steps', (run) => (run.steps.length === 0 ? '' : duration(secondsOf(run)))),
  ];
}

/** Has no curve of its own. */
function topFive(runs: readonly RunRecord[]): Measure[] {
  const whats = runs.flatMap(({ measured }) =>
    measured.flatMap(({ what, values }) => (values.top5 === undefined ? [] : [what])),
  );
  return [...new Set(whats)].map((what) => ({
    ...{ key: `${what} top5`, title: `${what}, among the first five`, unit: '%', says: '' },
  }));
}

/** At the beginning, where that was measured, and at the end. */
function betweenRows(runs: readonly RunRecord[], { key, title, unit }: Measure): SummaryRow[] {
  const ends = runs.map((run) => endsOf(run, key));
  const last = ends.map((end) => end?.last ?? Number.NEGATIVE_INFINITY);
  const most = Math.max(...last);
  const isAlone = last.filter((value) => value === most).length === 1;
  const rows: SummaryRow[] = [];
  if (ends.some((end) => end && end.first !== null)) {
    rows.push({
      title: `${title}, untrained`,
      cells: ends.map((end) => (end && end.first !== null ? withUnit(end.first, unit) : '')),
      best: null,
    });
  }
  rows.push({
    title: `${title}, last`,
    cells: ends.map((end) => (end ? withUnit(end.last, unit) : '')),
    best: runs.length > 1 && unit === '%' && isAlone ? last.indexOf(most) : null,
  });
  return rows;
}
