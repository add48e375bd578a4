/** A curve that grows: uPlot on a canvas, in the colors of the page, with the line of what nothing but chance gives. */
import uPlot from 'uplot';
import { h } from '../elements.ts';

export interface CurveOptions {
  readonly title: string;
  /** The field's own term, and what is good: shown where the pointer rests, and read by screen readers. */
  readonly term: string;
  /** One sentence that says what is good. */
  readonly good: string;
  readonly height: number;
  readonly format: (value: number) => string;
  /** How the axis writes its ticks, which are round numbers; by default as `format` does. */
  readonly tick?: (value: number) => string;
  /** What the dashed line is, where it is not chance. */
  readonly level?: string;
  /** The axis begins at 0. */
  readonly fromZero?: boolean;
}

export interface Points {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/** More are not to be told apart on a screen. */
const MOST_POINTS = 600;
/** Distances of ticks on the axis of steps or epochs. */
const WHOLE = [1, 10, 100, 1000, 10_000, 100_000].flatMap((ten) => [ten, 2 * ten, 5 * ten]);
const FONT = '12px ui-monospace, monospace';

export class Curve {
  readonly element: HTMLElement;
  readonly #options: CurveOptions;
  readonly #place = h('div', { class: 'curve-plot' });
  readonly #number = h('span', { class: 'mono' });
  readonly #observer: ResizeObserver;
  readonly #scheme = matchMedia('(prefers-color-scheme: dark)');
  readonly #redraw = () => this.#draw();
  #points: Points = { x: [], y: [] };
  #chance: number | null = null;
  #plot: uPlot | null = null;

  constructor(options: CurveOptions) {
    this.#options = options;
    const { title, term, good, height } = options;
    this.#place.style.height = `${height}px`;
    this.element = h(
      'figure',
      { class: 'curve', title: term },
      h('div', { class: 'curve-head' }, h('h3', {}, title), this.#number),
      this.#place,
      h('figcaption', { class: 'small' }, good),
    );
    this.#observer = new ResizeObserver(([entry]) => {
      this.#plot?.setSize({ width: Math.floor(entry!.contentRect.width), height });
    });
    this.#observer.observe(this.#place);
    this.#scheme.addEventListener('change', this.#redraw);
  }

  /** @param chance what nothing but chance gives, where there is such a value */
  show(points: Points, chance: number | null = null): void {
    const last = points.y.at(-1);
    const { format, title, level = 'by chance' } = this.#options;
    this.#number.textContent =
      last === undefined
        ? 'nothing yet'
        : format(last) + (chance === null ? '' : `, ${level} ${format(chance)}`);
    this.#place.setAttribute('role', 'img');
    this.#place.setAttribute('aria-label', `${title}: ${this.#number.textContent}`);
    const hadChance = this.#chance !== null;
    this.#points = thinned(points);
    this.#chance = chance;
    if (this.#plot && hadChance === (chance !== null)) this.#plot.setData(this.#data());
    else this.#draw();
  }

  dispose(): void {
    this.#observer.disconnect();
    this.#scheme.removeEventListener('change', this.#redraw);
    this.#plot?.destroy();
  }

  #data(): uPlot.AlignedData {
    const { x, y } = this.#points;
    // One point alone has no scale: an empty one follows it.
    const [places, values] =
      x.length === 1
        ? [
            [x[0]!, x[0]! + 1],
            [y[0]!, null],
          ]
        : [[...x], [...y]];
    return this.#chance === null ? [places, values] : [places, values, places.map(() => this.#chance)];
  }

  #draw(): void {
    this.#plot?.destroy();
    this.#plot = null;
    const width = this.#place.clientWidth;
    if (width === 0 || this.#points.x.length === 0) return;
    const style = getComputedStyle(document.documentElement);
    const color = (name: string) => style.getPropertyValue(name).trim();
    const { height, format, tick = format, fromZero = false } = this.#options;
    const axis: uPlot.Axis = {
      stroke: color('--quiet'),
      font: FONT,
      grid: { show: false },
      ticks: { show: false },
      size: 24,
    };
    this.#plot = new uPlot(
      {
        width,
        height,
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { time: false },
          y: {
            range: (_plot, least, most) => {
              const room = (most - least) * 0.08 || Math.abs(most) * 0.1 || 1;
              return [fromZero ? 0 : least - room, most + room];
            },
          },
        },
        axes: [
          { ...axis, incrs: WHOLE },
          {
            ...axis,
            size: 56,
            grid: { stroke: color('--hairline'), width: 1 },
            space: 36,
            values: (_plot, ticks) => ticks.map(tick),
          },
        ],
        series: [
          {},
          { stroke: color('--accent'), width: 1.75, points: { show: this.#points.x.length < 3, size: 5 } },
          ...(this.#chance === null
            ? []
            : [{ stroke: color('--quiet'), width: 1, dash: [4, 4], points: { show: false } }]),
        ],
      },
      this.#data(),
      this.#place,
    );
  }
}

/** Means of so many neighbors that the rest can be told apart. */
function thinned({ x, y }: Points): Points {
  const every = Math.ceil(x.length / MOST_POINTS);
  if (every <= 1) return { x, y };
  const count = Math.ceil(x.length / every);
  const meanOf = (values: readonly number[], i: number) => {
    const part = values.slice(i * every, (i + 1) * every);
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  };
  const rows = Array.from({ length: count }, (_, i) => i);
  return {
    x: rows.map((i) => x[Math.min(x.length - 1, (i + 1) * every - 1)]!),
    y: rows.map((i) => meanOf(y, i)),
  };
}
