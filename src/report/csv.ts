/** The lines of logs as a table: a row a step, and one before the first for what was measured then. */
import type { RunRecord } from './run-record.ts';

/** There whether a log has them or not, so that programs can count on them. */
const OF_STEPS = ['step', 'epoch', 'loss', 'acc1', 'acc5', 'lr', 'imagesPerSecond', 'embeddingStd'];
const OF_MEASUREMENTS = [
  ...['knnBackboneTop1', 'knnHeadTop1', 'testTop1', 'testTop5', 'probeTop1', 'probeTop5'],
];

/** CSV after RFC 4180, with numbers as the log has them. */
export function csvOf(runs: readonly RunRecord[]): string {
  const rows = runs.flatMap(rowsOf);
  const found = new Set(rows.flatMap((row) => [...row.keys()]));
  const known = ['run', ...OF_STEPS, ...OF_MEASUREMENTS];
  const columns = [...known, ...[...found].filter((name) => !known.includes(name))];
  return [columns, ...rows.map((row) => columns.map((name) => row.get(name) ?? ''))].map(csvLine).join('');
}

export const csvLine = (cells: readonly (string | number)[]): string => `${cells.map(cellOf).join(',')}\r\n`;

function cellOf(cell: string | number): string {
  const text = String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

type Row = Map<string, string | number>;

function rowsOf({ name, steps, measured }: RunRecord): Row[] {
  const rows = new Map<number, Row>();
  const rowOf = (step: number): Row => {
    let row = rows.get(step);
    if (!row) {
      row = new Map<string, string | number>([
        ['run', name],
        ['step', step],
      ]);
      rows.set(step, row);
    }
    return row;
  };
  for (const line of steps) {
    const row = rowOf(line.step!);
    for (const [key, value] of Object.entries(line)) row.set(key, value);
  }
  for (const { what, step, values } of measured) {
    const row = rowOf(step);
    for (const [key, value] of Object.entries(values)) row.set(camelCase(`${what} ${key}`), value);
  }
  return [...rows.values()].sort((a, b) => Number(a.get('step')) - Number(b.get('step')));
}

const camelCase = (words: string) => words.replace(/ +(.)/g, (_, letter: string) => letter.toUpperCase());
