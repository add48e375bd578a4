/** What the script in a report draws, as the JSON that the report carries for it. */
import type { Level } from './measures.ts';
import type { Curve } from './thin.ts';

export interface ChartSpec {
  readonly title: string;
  readonly unit: '' | '%';
  readonly lines: readonly LineSpec[];
  /** Drawn as lines across. */
  readonly levels: readonly Level[];
}

export interface LineSpec extends Curve {
  /** Which of the runs. */
  readonly run: number;
  /** Few points, each measured: they are marked. */
  readonly marked: boolean;
}

export interface RunSpec {
  readonly name: string;
  /** Steps an epoch; null where it is not known. */
  readonly perEpoch: number | null;
}

export interface MapSpec {
  /** x and y of each image in turn, 0 … 1000. */
  readonly points: readonly number[];
  readonly labels: readonly number[] | null;
  readonly classes: readonly string[];
  readonly columns: number;
  readonly tile: number;
}

export interface DrawnData {
  readonly runs: readonly RunSpec[];
  /** By the id of the figure that they are drawn in. */
  readonly charts: Readonly<Record<string, ChartSpec>>;
  readonly maps: Readonly<Record<string, MapSpec>>;
}
