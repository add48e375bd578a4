/** What a report of an ablation says, for Markdown and HTML alike. */
import { duration, number } from '../report/words.ts';
import { type Comparison, compare, FEWEST, type RowSummary, type Spread } from './summary.ts';
import type { Table } from './table.ts';

/** How all runs of a table were made. */
export interface AblationFacts {
  readonly table: Table;
  /** "10,000 images of cifar10 (…)". */
  readonly data: string;
  /** Options of `pretrain` that all rows have. */
  readonly scale: readonly string[];
  readonly seeds: number;
  /** Of the linear classifier on cached features; 0: none was trained. */
  readonly linearEpochs: number;
  readonly written: string;
}

export const PAPER_IS =
  'The papers’ numbers are of ResNet-50 on ImageNet, with batch and length as given; ours are of the scale above. Orderings may be compared, values may not.';

export function scaleSentence({ data, scale, seeds, linearEpochs, table }: AblationFacts): string {
  const options =
    scale.length > 0 ? `${scale.join(' ')}, else as the presets have it` : 'as the presets have it';
  const linear =
    linearEpochs > 0
      ? `Linear classification is trained for ${linearEpochs} epochs on cached features of center views at the highest learning rate that surely settles (the papers: 100 epochs, augmented views, rate 30).`
      : 'No linear classifier was trained.';
  const what =
    table.measures === 'accuracy'
      ? `up to ${seeds} ${seeds === 1 ? 'seed' : 'seeds'} a row. ${linear} kNN is of the backbone, k = 200.`
      : 'one run a row. Memory is that of the whole process at its peak, without a GPU’s own; an epoch is as many median steps.';
  return `Learned from ${data}: ${options}; ${what}`;
}

/** "61.20 ± 0.35 (3)": mean, standard deviation over seeds, how many. */
export function accuracy(spread: Spread | null): string {
  if (!spread) return '';
  const { mean, deviation, values } = spread;
  const seeds = values.size === 1 ? '1 seed' : `${values.size} seeds`;
  return `${mean.toFixed(2)}${deviation === null ? '' : ` ± ${deviation.toFixed(2)}`} (${seeds})`;
}

export const gigabytes = (bytes: number): string =>
  bytes < 1e8 ? `${number(bytes / 1e6, 1)} MB` : `${number(bytes / 1e9, 2)} GB`;

export function columnsOf(table: Table): readonly string[] {
  return table.measures === 'accuracy'
    ? ['row', 'top-1, %', 'kNN, %', 'the paper’s top-1, %', 'its setting', 'state']
    : [
        'row',
        'peak memory of the process',
        'activations at one time, computed',
        'time of an epoch',
        'the paper’s memory',
        'the paper’s time (200 epochs, 8 GPUs)',
        'state',
      ];
}

export function cellsOf(table: Table, { row, spread, status, results }: RowSummary): readonly string[] {
  const { paper } = row;
  if (table.measures === 'accuracy') {
    const unfinished = results.filter((result) => result.status !== 'done').length;
    const state = status === 'done' && unfinished > 0 ? `${unfinished} seeds failed` : status;
    const top1 = accuracy(spread.top1);
    return [
      row.title,
      top1 && row.method === 'supervised' ? `${top1}, its own` : top1,
      accuracy(spread.knn),
      paper?.top1 === undefined ? '' : paper.top1.toFixed(1),
      paper?.setting ?? '',
      state,
    ];
  }
  const mean = (of: Spread | null, write: (value: number) => string) => (of ? write(of.mean) : '');
  return [
    row.title,
    mean(spread.peakBytes, gigabytes),
    mean(spread.activationBytes, gigabytes),
    mean(spread.secondsPerEpoch, duration),
    paper?.gigabytes === undefined ? '' : `${paper.gigabytes} GB, ${paper.setting}`,
    paper?.hours === undefined ? '' : `${paper.hours} h`,
    status,
  ];
}

export const COMPARISON_COLUMNS = [
  ...['the paper has', 'above', 'by', 'ours by top-1', 'which', 'ours by kNN', 'which'],
];

export function comparisonCells(rows: readonly RowSummary[]): readonly (readonly string[])[] {
  const byKnn = compare(rows, 'knn');
  return compare(rows, 'top1').map((top1, i) => {
    const knn = byKnn[i]!;
    return [
      top1.above.title,
      top1.below.title,
      `+${top1.paper.toFixed(1)}`,
      ...[difference(top1), top1.verdict, difference(knn), knn.verdict],
    ];
  });
}

function difference({ ours, threshold }: Comparison): string {
  if (!ours) return '';
  const sign = ours.mean >= 0 ? '+' : '−';
  const from = threshold === null ? '' : `; told apart from ${threshold.toFixed(2)} on`;
  return `${sign}${Math.abs(ours.mean).toFixed(2)} (${ours.seeds} ${ours.seeds === 1 ? 'seed' : 'seeds'}${from})`;
}

export const COMPARISON_SAYS =
  'Differences are paired: of the same seed, then their mean. An ordering is claimed where the mean lies outside what their ' +
  'spread over seeds explains (Student’s t, 95 %); of 20 such claims chance alone makes about one. ' +
  `Fewer than ${FEWEST} seeds claim nothing.`;

/** What can be said in a sentence each. */
export function conclusions(rows: readonly RowSummary[]): readonly string[] {
  const all = (['top1', 'knn'] as const).flatMap((metric) =>
    compare(rows, metric).map((comparison) => ({ metric, ...comparison })),
  );
  const list = (verdict: Comparison['verdict']) =>
    all
      .filter((comparison) => comparison.verdict === verdict)
      .map(
        ({ metric, above, below }) =>
          `${above.title} above ${below.title} (${metric === 'knn' ? 'kNN' : 'top-1'})`,
      );
  const [agrees, contradicts] = [list('agrees'), list('contradicts')];
  const unclear = list('within the spread').length;
  const claimable = agrees.length + contradicts.length + unclear;
  if (claimable === 0) return [`No two rows have ${FEWEST} seeds in common yet: nothing is claimed.`];
  const said = (titles: readonly string[]) => (titles.length === 0 ? 'nothing' : titles.join('; '));
  return [
    `Agrees with the paper beyond the spread of seeds: ${said(agrees)}.`,
    `Contradicts the paper beyond the spread of seeds: ${said(contradicts)}.`,
    `Not told apart, noise could explain it: ${unclear} of ${claimable} comparisons; the table says which.`,
  ];
}
