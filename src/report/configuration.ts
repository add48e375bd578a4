/** The settings of runs beside each other. */
import type { RunRecord } from './run-record.ts';

export interface SettingRow {
  readonly name: string;
  /** A cell a run; '–' where it has no such setting. */
  readonly cells: readonly string[];
  readonly differs: boolean;
}

/** In the order of the settings; what the runs ran on comes last. */
export function configurationOf(runs: readonly RunRecord[]): readonly SettingRow[] {
  const row = (name: string, cell: (run: RunRecord) => unknown): SettingRow => {
    const cells = runs.map((run) => said(cell(run)));
    return { name, cells, differs: new Set(cells).size > 1 };
  };
  const names = (of: (run: RunRecord) => object) => [...new Set(runs.flatMap((run) => Object.keys(of(run))))];
  return [
    ...names(({ config }) => config).map((name) => row(name, ({ config }) => config[name])),
    row('data', ({ data }) => data && (data.path ?? data.kind)),
    row('images', ({ data }) => data?.images),
    row('backend', ({ backend }) => backend),
    row('adapter', ({ adapter }) => adapter),
    ...names(({ versions }) => versions).map((name) => row(name, ({ versions }) => versions[name])),
  ];
}

function said(value: unknown): string {
  if (value === undefined || value === null || value === '') return '–';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
