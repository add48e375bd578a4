import { csvLine } from '../report/csv.ts';
import type { RowResult } from './result.ts';
import type { RowSummary } from './summary.ts';
import {
  type AblationFacts,
  COMPARISON_COLUMNS,
  COMPARISON_SAYS,
  cellsOf,
  columnsOf,
  comparisonCells,
  conclusions,
  PAPER_IS,
  scaleSentence,
} from './words.ts';

/** report.md of an ablation. */
export function markdownOf(facts: AblationFacts, rows: readonly RowSummary[]): string {
  const { table, written } = facts;
  const comparisons = comparisonCells(rows);
  const claims =
    table.measures === 'accuracy'
      ? [
          '## Orderings',
          COMPARISON_SAYS,
          conclusions(rows)
            .map((sentence) => `- ${text(sentence)}`)
            .join('\n'),
          grid(COMPARISON_COLUMNS, comparisons),
        ]
      : [];
  return `${[
    `# ${table.title}`,
    text(table.says),
    text(scaleSentence(facts)),
    PAPER_IS,
    grid(
      columnsOf(table),
      rows.map((row) => cellsOf(table, row)),
    ),
    ...claims,
    `Written ${written} by moco-web ablate --table ${table.name}.`,
  ].join('\n\n')}\n`;
}

function grid(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(text).join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Nothing of what is written becomes markup. */
const text = (words: string) => words.replace(/[\\|<>*_`[\]]/g, '\\$&').replace(/\s*\n\s*/g, ' ');

const COLUMNS = [
  ...['row', 'seed', 'status', 'top1', 'knn', 'linearEpochs', 'steps', 'stepsPerEpoch', 'secondsPerEpoch'],
  ...['peakBytes', 'activationBytes', 'reason'],
] as const satisfies readonly (keyof RowResult)[];

/** report.csv of an ablation: a row a run, with what the paper has of its row. */
export function ablationCsv(rows: readonly RowSummary[]): string {
  const lines = rows.flatMap(({ row, results }) => {
    const paper = row.paper?.top1 ?? '';
    if (results.length === 0) return [[row.id, '', 'not run', ...COLUMNS.slice(3).map(() => ''), paper]];
    return results.map((result) => [...COLUMNS.map((name) => result[name] ?? ''), paper]);
  });
  return [[...COLUMNS, 'paperTop1'], ...lines].map(csvLine).join('');
}
