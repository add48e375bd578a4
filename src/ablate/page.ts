/** report.html of an ablation. */
import { drawingOf } from '../report/charts.ts';
import { documentOf } from '../report/document.ts';
import { html, type Markup } from '../report/html.ts';
import { chartGrid, controls, thinned } from '../report/report.ts';
import type { RunRecord } from '../report/run-record.ts';
import { dotPlot } from './dots.ts';
import type { Metric, RowSummary } from './summary.ts';
import type { Table } from './table.ts';
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

/** @param runs the logs of all runs that have one, with the row of each */
export async function ablationPage(
  facts: AblationFacts,
  rows: readonly RowSummary[],
  runs: readonly { readonly row: string; readonly run: RunRecord }[],
): Promise<string> {
  const { table, written } = facts;
  const names = table.rows.map(({ title }) => title);
  const records = runs.map(({ run }) => run);
  const of = runs.map(({ row }) => table.rows.findIndex(({ id }) => id === row));
  const drawing = drawingOf(records, { names, of });
  const curves =
    runs.length === 0
      ? null
      : html`<h2>Curves</h2>
${controls(names)}
<p class="quiet">All seeds of a row have its color.</p>
${chartGrid('grid large', drawing.accuracies)}
${chartGrid('grid', drawing.others)}
${thinned(drawing, records)}`;
  const body = html`
<header>
<p class="overline">moco-web ablate --table ${table.name}</p>
<h1>${table.title}</h1>
<p>${table.says}</p>
<p>${scaleSentence(facts)}</p>
<p>${PAPER_IS}</p>
</header>
<main>
<h2>Rows</h2>
${grid(
  columnsOf(table),
  rows.map((row) => cellsOf(table, row)),
)}
<div class="grid large">${dotsOf(table, rows)}</div>
${table.measures === 'accuracy' ? orderings(rows) : null}
${curves}
</main>
<footer>Written ${written}. This file asks nothing of any network.</footer>`;
  return documentOf(`${table.title}: moco-web ablate`, body, drawing.data);
}

function dotsOf(table: Table, rows: readonly RowSummary[]): readonly (Markup | null)[] {
  const plot = (
    title: string,
    unit: string,
    metric: Metric,
    { by = 1, paper }: { by?: number; paper?: 'top1' } = {},
  ) =>
    dotPlot(
      title,
      unit,
      rows.map(({ row, spread }) => ({
        title: row.title,
        values: [...(spread[metric]?.values.values() ?? [])].map((value) => value * by),
        paper: (paper && row.paper?.[paper]) ?? null,
      })),
    );
  return table.measures === 'accuracy'
    ? [plot('Top-1', '%', 'top1', { paper: 'top1' }), plot('kNN', '%', 'knn')]
    : [
        plot('Peak memory of the process', 'GB', 'peakBytes', { by: 1e-9 }),
        plot('Time of an epoch', 's', 'secondsPerEpoch'),
      ];
}

function orderings(rows: readonly RowSummary[]): Markup {
  const sentences = conclusions(rows).map((sentence) => html`<p>${sentence}</p>`);
  return html`<h2>Orderings</h2>${sentences}<p class="quiet">${COMPARISON_SAYS}</p>
${grid(COMPARISON_COLUMNS, comparisonCells(rows))}`;
}

function grid(columns: readonly string[], rows: readonly (readonly string[])[]): Markup {
  const head = columns.map((column) => html`<th scope="col">${column}</th>`);
  const lines = rows.map(
    ([title, ...cells]) =>
      html`<tr><th scope="row">${title ?? ''}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`,
  );
  return html`<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${lines}</tbody></table></div>`;
}
