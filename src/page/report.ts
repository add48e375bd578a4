/** Reports of runs for whoever has their events rather than a run directory: the text of one HTML file. */

import { expectArgument, listOf, made, optional, record, text } from '../arguments.ts';
import { MocoError } from '../errors.ts';
import type { EmbeddingMap, RunData, RunRecord } from '../report/run-record.ts';
import type { PretrainEvent } from '../train/events.ts';

const RUNS = listOf(
  made<ReportRun>('a run: { name, events }', { name: text(), events: listOf(record, 'events') }),
  'runs',
);

/** What goes into a report beside the events of the run. */
export interface ReportRun {
  /** How the report calls it. */
  readonly name: string;
  /** What `pretrain` told, in its order: at least the run event. Resumed runs: of all parts, one after the other. */
  readonly events: readonly PretrainEvent[];
  /** What it learns from; null or left out where that is not to be told. */
  readonly data?: RunData | null;
  /** JPEG of queries with their neighbors before and after. */
  readonly neighbors?: Uint8Array | null;
  readonly map?: EmbeddingMap | null;
}

/**
 * The report that `moco-web report` writes, of one run or of several beside each other: one HTML file that stands alone, with curves
 * to look into, settings, pictures and tables. It runs under a content security policy of its own, asks nothing of any network, and
 * shows names as text, whatever they hold.
 * @param runs one at least; up to twenty keep the file below a megabyte, pictures aside
 * @param written when, as the footer says it; by default now, in the reader's own time
 * @throws MocoError usage without runs
 */
export async function reportPage(runs: readonly ReportRun[], written?: string): Promise<string> {
  expectArgument('reportPage', 'runs', runs, RUNS);
  expectArgument('reportPage', 'written', written, optional(text()));
  if (runs.length === 0) throw new MocoError('usage', 'a report is of one run at least');
  // Its charts and style are for whoever writes a report alone.
  const [{ recordOf }, { reportHtml }] = await Promise.all([
    import('../report/run-record.ts'),
    import('../report/report.ts'),
  ]);
  const records = runs.map(({ name, events, data = null, neighbors = null, map = null }): RunRecord => {
    return { ...recordOf(events), name, data, neighbors, map };
  });
  return reportHtml(
    records,
    written ?? new Date().toLocaleString('en-GB', { dateStyle: 'long', timeStyle: 'short' }),
  );
}
