/** From results to what may be said of them. */
import type { RowResult } from './result.ts';
import type { Row, Table } from './table.ts';

/** One measure of the runs of one row. */
export interface Spread {
  readonly mean: number;
  /** Standard deviation over seeds (n − 1); null of one. */
  readonly deviation: number | null;
  /** By seed. */
  readonly values: ReadonlyMap<number, number>;
}

export type Metric = 'top1' | 'knn' | 'secondsPerEpoch' | 'peakBytes' | 'activationBytes';

export interface RowSummary {
  readonly row: Row;
  readonly results: readonly RowResult[];
  /** 'done' where a seed is. Of the others how it stands, in words. */
  readonly status: string;
  readonly spread: Readonly<Record<Metric, Spread | null>>;
}

const METRICS: readonly Metric[] = ['top1', 'knn', 'secondsPerEpoch', 'peakBytes', 'activationBytes'];

export function summarize(table: Table, results: readonly RowResult[]): readonly RowSummary[] {
  return table.rows.map((row) => {
    const own = results.filter((result) => result.row === row.id);
    const spread = Object.fromEntries(METRICS.map((metric) => [metric, spreadOf(own, metric)]));
    return { row, results: own, status: statusOf(own), spread: spread as RowSummary['spread'] };
  });
}

function statusOf(results: readonly RowResult[]): string {
  if (results.some(({ status }) => status === 'done')) return 'done';
  const [other] = results;
  return other ? `${other.status}: ${other.reason ?? 'no reason is known'}` : 'not run';
}

export function spreadOf(results: readonly RowResult[], metric: Metric): Spread | null {
  const values = new Map<number, number>();
  for (const result of results) {
    const value = result[metric];
    if (value !== null) values.set(result.seed, value);
  }
  return values.size === 0 ? null : { ...meanAndDeviation([...values.values()]), values };
}

function meanAndDeviation(values: readonly number[]): { mean: number; deviation: number | null } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length < 2) return { mean, deviation: null };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (values.length - 1)) };
}

/** What the seeds say of an ordering of two rows that the papers report. */
export type Verdict = 'agrees' | 'contradicts' | 'within the spread' | 'too few seeds' | 'not run';

export interface Comparison {
  /** The paper has `above` above `below`. */
  readonly above: Row;
  readonly below: Row;
  /** Percentage points. */
  readonly paper: number;
  /** Our difference over the seeds that both rows have; null where there is none. */
  readonly ours: { readonly mean: number; readonly deviation: number | null; readonly seeds: number } | null;
  /** An ordering is claimed from this difference on; null of too few seeds. */
  readonly threshold: number | null;
  readonly verdict: Verdict;
}

/** Two seeds may well agree by chance, on a small test split to the digit. */
export const FEWEST = 3;

/** Every pair of rows that the papers order, the largest difference there first. */
export function compare(rows: readonly RowSummary[], metric: 'top1' | 'knn'): readonly Comparison[] {
  const reported = rows.filter(({ row }) => row.paper?.top1 !== undefined);
  return reported
    .flatMap((one, i) => reported.slice(i + 1).map((other) => comparisonOf(one, other, metric)))
    .filter(({ paper }) => paper > 0)
    .sort((a, b) => b.paper - a.paper);
}

function comparisonOf(one: RowSummary, other: RowSummary, metric: 'top1' | 'knn'): Comparison {
  const [above, below] = one.row.paper!.top1! >= other.row.paper!.top1! ? [one, other] : [other, one];
  const differences: number[] = [];
  for (const [seed, value] of above.spread[metric]?.values ?? []) {
    const beside = below.spread[metric]?.values.get(seed);
    if (beside !== undefined) differences.push(value - beside);
  }
  const paper = Number((above.row.paper!.top1! - below.row.paper!.top1!).toFixed(6));
  const pair = { above: above.row, below: below.row, paper };
  if (differences.length === 0) return { ...pair, ours: null, threshold: null, verdict: 'not run' };
  const ours = { ...meanAndDeviation(differences), seeds: differences.length };
  if (ours.deviation === null || ours.seeds < FEWEST)
    return { ...pair, ours, threshold: null, verdict: 'too few seeds' };
  const threshold = (quantile(ours.seeds - 1) * ours.deviation) / Math.sqrt(ours.seeds);
  const isClear = Math.abs(ours.mean) > threshold;
  return {
    ...pair,
    ours,
    threshold,
    verdict: !isClear ? 'within the spread' : ours.mean > 0 ? 'agrees' : 'contradicts',
  };
}

/** Student's t, 97.5 %, by degrees of freedom: a difference beyond it comes about by chance once in 20 times. */
const T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

const quantile = (freedom: number) => T[freedom - 1] ?? 2.262;
