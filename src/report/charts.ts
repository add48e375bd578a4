/** From runs to what is drawn of them. */
import type { ChartSpec, DrawnData, LineSpec, MapSpec } from './chart-spec.ts';
import { type Level, type Measure, measuresOf, valuesOf } from './measures.ts';
import { type EmbeddingMap, type RunRecord, stepsPerEpoch } from './run-record.ts';
import { stepsAPoint, thin } from './thin.ts';

/** Points of all curves of one measure together, and of one run: a file of one megabyte holds the curves of 20 runs. */
const MOST_POINTS = 4000;
const MOST_OF_RUN = 400;

export interface DrawnMeasure {
  readonly id: string;
  readonly measure: Measure;
}

export interface Drawing {
  /** The large ones. */
  readonly accuracies: readonly DrawnMeasure[];
  readonly others: readonly DrawnMeasure[];
  readonly maps: readonly { readonly id: string; readonly run: RunRecord; readonly map: EmbeddingMap }[];
  readonly data: DrawnData;
  /** How many steps a point stands for, at most; 1: all are there. */
  readonly stepsAPoint: number;
}

/** @param rows where several runs are drawn as one thing: which of `names` each run belongs to */
export function drawingOf(
  runs: readonly RunRecord[],
  rows: { readonly names: readonly string[]; readonly of: readonly number[] } | null = null,
): Drawing {
  const { accuracies, steps, others } = measuresOf(runs);
  const most = Math.max(50, Math.min(MOST_OF_RUN, Math.floor(MOST_POINTS / runs.length)));
  const sizes = runs.map((run) => stepsAPoint(run.steps.length, most));
  const measures = [...accuracies, ...steps, ...others];
  const drawn = measures.map((measure, i): DrawnMeasure => ({ id: `chart-${i}`, measure }));
  const maps = runs.flatMap((run, i) => (run.map ? [{ id: `map-${i}`, run, map: run.map }] : []));
  const chart = ({ id, measure }: DrawnMeasure) =>
    [id, chartOf(runs, measure, steps.includes(measure) ? sizes : null, rows?.of ?? null)] as const;
  const specs = runs.map((run) => ({ name: run.name, perEpoch: stepsPerEpoch(run) }));
  const rowSpecs = rows?.names.map((name, row) => ({
    name,
    perEpoch: specs.find((_, run) => rows.of[run] === row)?.perEpoch ?? null,
  }));
  return {
    accuracies: drawn.slice(0, accuracies.length),
    others: drawn.slice(accuracies.length),
    maps,
    stepsAPoint: Math.max(1, ...sizes),
    data: {
      runs: rowSpecs ?? specs,
      charts: Object.fromEntries(drawn.map(chart)),
      maps: Object.fromEntries(maps.map(({ id, map }) => [id, mapOf(map)])),
    },
  };
}

/**
 * @param sizes steps a point of each run; null where all points are shown, and marked
 * @param rows what each run is drawn as; null: as itself
 */
function chartOf(
  runs: readonly RunRecord[],
  measure: Measure,
  sizes: readonly number[] | null,
  rows: readonly number[] | null,
): ChartSpec {
  const lines = runs.flatMap((record, run): LineSpec[] => {
    const { steps, values } = valuesOf(record, measure.key);
    if (values.length === 0) return [];
    return [{ run: rows?.[run] ?? run, marked: sizes === null, ...thin(steps, values, sizes?.[run] ?? 1) }];
  });
  return { title: measure.title, unit: measure.unit, lines, levels: levelsOf(runs, measure) };
}

/** Each level once, however many runs have it. */
function levelsOf(runs: readonly RunRecord[], measure: Measure): readonly Level[] {
  const all = runs.flatMap((run) => measure.levels?.(run) ?? []);
  return [...new Map(all.map((level) => [`${level.value} ${level.label}`, level])).values()];
}

function mapOf({ points, labels, classes, columns, tile }: EmbeddingMap): MapSpec {
  return { points: Array.from(points, (x) => Math.round(1000 * x)), labels, classes, columns, tile };
}
