/** One chart: the curves of one measure, of all runs. */
import uPlot from 'uplot';
import type { ChartSpec, LineSpec, RunSpec } from '../chart-spec.ts';
import { color, faded, HUES, hue } from './colors.ts';

export type Axis = 'step' | 'epoch';

export interface ChartView {
  readonly axis: Axis;
  /** Run by run, whether it is shown. */
  readonly shown: readonly boolean[];
}

const FONT = '12px ui-monospace, "SF Mono", Menlo, Consolas, monospace';
/** Charts under one key show the same step. */
const SYNC = uPlot.sync('runs');

/** Draws into `box`, and says in `readout` what is under the pointer. The function that is given takes it away. */
export function drawChart(
  box: HTMLElement,
  readout: HTMLElement,
  spec: ChartSpec,
  runs: readonly RunSpec[],
  { axis, shown }: ChartView,
): () => void {
  const lines = spec.lines.filter(({ run }) => shown[run]);
  const data = uPlot.join(lines.map((line) => tableOf(line, axis, runs[line.run]!)));
  /** Of each line, the place of its mean. */
  const places = new Map<LineSpec, number>();
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  for (const line of lines) {
    places.set(line, series.length);
    series.push(lineStyle(line));
    if (!line.range) continue;
    const fill = faded(hue(line.run), 0.16);
    bands.push({ series: [series.length + 1, series.length], fill });
    const edge: uPlot.Series = { stroke: 'transparent', width: 0, spanGaps: true, points: { show: false } };
    series.push(edge, edge);
  }
  const range = rangeOf(lines, spec);
  const plot = new uPlot(
    {
      width: box.clientWidth,
      height: box.clientHeight,
      padding: [10, 18, 0, 0],
      series,
      bands,
      legend: { show: false },
      cursor: { sync: { key: SYNC.key }, y: false, points: { size: 6 } },
      scales: { x: { time: false }, y: { range: () => range } },
      axes: [axisStyle(26), { ...axisStyle(52), size: 52 }],
      hooks: {
        draw: [(drawn) => drawLevels(drawn, spec)],
        setCursor: [
          ({ cursor, data: at }) => {
            const index = cursor.idx ?? null;
            say(readout, index === null ? null : at[0][index]!, axis, spec, lines, (line) =>
              index === null ? null : nearest(at[places.get(line)!]!, index),
            );
          },
        ],
      },
    },
    data as uPlot.AlignedData,
    box,
  );
  const resizing = new ResizeObserver(() => {
    plot.setSize({ width: box.clientWidth, height: box.clientHeight });
  });
  resizing.observe(box);
  say(readout, null, axis, spec, lines, () => null);
  return () => {
    resizing.disconnect();
    plot.destroy();
  };
}

function tableOf({ steps, mean, range }: LineSpec, axis: Axis, { perEpoch }: RunSpec): uPlot.AlignedData {
  const x = axis === 'epoch' && perEpoch ? steps.map((step) => step / perEpoch) : [...steps];
  return [x, [...mean], ...(range ? [[...range.low], [...range.high]] : [])];
}

function lineStyle({ run, marked }: LineSpec): uPlot.Series {
  const stroke = hue(run);
  return {
    stroke,
    width: 1.5,
    spanGaps: true,
    points: { show: marked, size: 5, fill: stroke, stroke },
    // More runs than colors: the later ones are dashed.
    ...(run < HUES ? {} : { dash: [6, 3] }),
  };
}

function axisStyle(size: number): uPlot.Axis {
  const line = { stroke: color('hairline'), width: 1 };
  return { stroke: color('quiet'), font: FONT, size, grid: line, ticks: { ...line, size: 4 }, gap: 4 };
}

/** Of each end, the share of values that the axis leaves out: the first steps, with a queue of random keys, are like no other. */
const LEFT_OUT = 0.02;

/** Of values and levels, with some room; a share is never drawn below 0. */
function rangeOf(lines: readonly LineSpec[], { levels }: ChartSpec): [number, number] {
  const values = levels.map(({ value }) => value);
  for (const { mean, range } of lines) {
    const [low, high] = [range?.low ?? mean, range?.high ?? mean].map((all) =>
      [...all].sort((a, b) => a - b),
    );
    const out = Math.floor(LEFT_OUT * mean.length);
    values.push(low![out]!, high!.at(-1 - out)!);
  }
  if (values.length === 0) return [0, 1];
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const room = 0.06 * (most - least || Math.abs(most) || 1);
  return [least >= 0 ? Math.max(0, least - room) : least - room, most + room];
}

function drawLevels({ ctx, bbox, valToPos }: uPlot, { levels }: ChartSpec): void {
  ctx.save();
  ctx.fillStyle = color('quiet');
  ctx.lineJoin = 'round';
  ctx.font = FONT.replace('12px', `${11 * devicePixelRatio}px`);
  ctx.textAlign = 'right';
  const right = bbox.left + bbox.width;
  for (const { value, label } of levels) {
    const y = Math.round(valToPos(value, 'y', true));
    ctx.strokeStyle = color('quiet');
    ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(right, y);
    ctx.stroke();
    const isHigh = y - bbox.top < 18 * devicePixelRatio;
    ctx.textBaseline = isHigh ? 'top' : 'bottom';
    const at = [label, right - 4 * devicePixelRatio, y + (isHigh ? 3 : -3) * devicePixelRatio] as const;
    ctx.setLineDash([]);
    ctx.strokeStyle = color('ground');
    ctx.lineWidth = 4 * devicePixelRatio;
    ctx.strokeText(...at);
    ctx.fillText(...at);
  }
  ctx.restore();
}

/** The value of a curve at a place where another may have a point: its own last one before. */
function nearest(values: ArrayLike<number | null | undefined>, index: number): number | null {
  for (let i = index; i >= 0; i--) {
    const value = values[i];
    if (value !== null && value !== undefined) return value;
  }
  return null;
}

/** More values than this are no line of text. */
const MOST_SAID = 6;

/** What is under the pointer, or, where there is none, how the curves end. */
function say(
  readout: HTMLElement,
  x: number | null,
  axis: Axis,
  { unit }: ChartSpec,
  lines: readonly LineSpec[],
  at: (line: LineSpec) => number | null,
): void {
  const said = lines.length > MOST_SAID ? [] : lines;
  const values = said.map((line) => {
    const value = x === null ? (line.mean.at(-1) ?? null) : at(line);
    const element = document.createElement('b');
    element.style.color = hue(line.run);
    element.textContent = value === null ? '–' : `${shown(value)}${unit && ` ${unit}`}`;
    return element;
  });
  const where =
    x === null ? (said.length > 0 ? 'last' : '') : `${axis} ${axis === 'step' ? x : x.toFixed(2)}`;
  readout.replaceChildren(where, ...values.flatMap((value) => [' ', value]));
}

const shown = (value: number) =>
  Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(4)));
