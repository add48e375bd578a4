/** The tab Map: each photo a dot where the encoder sees it among the others; thumbnails from the second zoom level on. */

import { h, reasonOf } from '../elements.ts';
import type { Side } from '../embeddings.ts';
import { Camera } from './camera.ts';
import { type LookContext, type Panel, titleOf } from './context.ts';
import { drawMap } from './draw-map.ts';
import { extended, isInside, type Loop } from './lasso.ts';
import { FEWEST_ON_MAP, type Layout, layOutMap } from './lay-out.ts';
import { selection } from './selection.ts';

const STEP = 1.6;
const PAN = 60;

export function mapPanel(context: LookContext): Panel {
  const { embedded } = context;
  const canvas = h('canvas', {
    ...{ class: 'look-map', tabindex: 0, role: 'application' },
    'aria-label':
      'Map of the photos. Arrow keys move, plus and minus zoom, 0 shows all, Enter shows the neighbors of the photo in the middle.',
  });
  const words = h('p', { class: 'small', role: 'status' });
  const button = (label: string, name: string, act: () => void) =>
    h('button', { type: 'button', class: 'button button-quiet', 'aria-label': name, click: act }, label);
  const lassoing = button('Lasso', 'Lasso: select photos by drawing around them', () => {
    const on = lassoing.getAttribute('aria-pressed') !== 'true';
    lassoing.setAttribute('aria-pressed', String(on));
    canvas.classList.toggle('is-lassoing', on);
  });
  lassoing.setAttribute('aria-pressed', 'false');
  const controls = h(
    'div',
    { class: 'look-actions' },
    ...(embedded.before ? [sideChoice(embedded.before, embedded.after)] : []),
    ...folderChoice(),
    button('+', 'Zoom in', () => zoom(STEP)),
    button('−', 'Zoom out', () => zoom(1 / STEP)),
    button('Whole', 'Show the whole map', () => {
      camera.whole();
      draw();
    }),
    lassoing,
    button('Select what is seen', 'Select what is seen', () => select(() => true)),
  );
  const selected = selection(context, draw);
  const element = h('div', { class: 'look-map-panel' }, controls, canvas, words, selected.element);
  const camera = new Camera();
  const images = new Map<number, ImageBitmap | null>();
  const laidOut = new Map<Side, Float32Array<ArrayBuffer>>();
  let points = new Float32Array(0);
  let layout: Layout | null = null;
  let hovered: number | null = null;
  let marked = -1;
  let asked = 0;
  let layingOut = 0;
  let loop: Loop | null = null;

  function sideChoice(...sides: Side[]): HTMLElement {
    const select = h(
      'select',
      { 'aria-label': 'Which encoder', change: () => void layOut(sides[select.selectedIndex]!) },
      ...sides.map(({ word, short }) => h('option', { selected: word === 'after' }, short)),
    );
    return select;
  }

  function folderChoice(): HTMLElement[] {
    if (!embedded.labels || embedded.classes.length < 2) return [];
    const select = h(
      'select',
      {
        'aria-label': 'Mark a folder',
        change() {
          marked = select.selectedIndex - 1;
          draw();
        },
      },
      ...['no folder marked', ...embedded.classes].map((name) => h('option', {}, name)),
    );
    return [select];
  }

  async function layOut(side: Side): Promise<void> {
    const own = ++layingOut;
    layout?.stop();
    const ready = laidOut.get(side);
    if (ready) {
      points = ready;
      tell();
      return draw();
    }
    if (side.rows.length < FEWEST_ON_MAP) {
      words.textContent = `A map takes ${FEWEST_ON_MAP} photos or more.`;
      return;
    }
    words.textContent = 'Finding the neighbors of every photo…';
    try {
      const neighbors = await side.neighbors();
      if (own !== layingOut) return;
      layout = layOutMap(neighbors, (news) => {
        points = news.points;
        words.textContent = `Laying the map out: ${Math.round(100 * news.done)} %`;
        draw();
      });
      laidOut.set(side, await layout.points);
      tell();
    } catch (error) {
      words.textContent = reasonOf(error);
    }
  }

  function tell(): void {
    words.textContent =
      hovered === null
        ? 'Near on the map is alike to the encoder. Directions and distances far apart mean nothing.'
        : titleOf(embedded, hovered);
  }

  function draw(): void {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      const { rows } = selected;
      drawMap({
        canvas,
        camera,
        points,
        images,
        embedded,
        hovered,
        marked,
        selected: rows,
        loop,
        wanted: load,
      });
    });
  }

  function load(row: number): void {
    images.set(row, null);
    context.photos.thumbnail(embedded.images[row]!).then(
      (bitmap) => {
        images.set(row, bitmap);
        draw();
      },
      // It stays a dot.
      () => {},
    );
  }

  function zoom(factor: number, x?: number, y?: number): void {
    camera.zoomAt(factor, x, y);
    draw();
  }

  function hover(x: number, y: number, within: number): void {
    const row = camera.nearest(points, x, y, within);
    if (row === hovered) return;
    hovered = row;
    if (row !== null && !images.has(row)) load(row);
    if (points.length > 0 && (laidOut.size > 0 || row !== null)) tell();
    draw();
  }

  /** Of what is seen. */
  function select(isWanted: (x: number, y: number) => boolean): void {
    const rows: number[] = [];
    for (let row = 0; row < points.length / 2; row++) {
      const [x, y] = camera.screen(points[2 * row]!, points[2 * row + 1]!);
      const isSeen = x >= 0 && y >= 0 && x <= camera.width && y <= camera.height;
      if (isSeen && isWanted(x, y)) rows.push(row);
    }
    selected.choose(rows);
  }

  const fingers = new Map<number, { x: number; y: number }>();
  let moved = 0;
  canvas.addEventListener('pointerdown', ({ pointerId, offsetX: x, offsetY: y, shiftKey }) => {
    canvas.setPointerCapture(pointerId);
    fingers.set(pointerId, { x, y });
    if (fingers.size === 1) moved = 0;
    // A second finger moves the map, whatever the first was about to do.
    const draws = fingers.size === 1 && (shiftKey || lassoing.getAttribute('aria-pressed') === 'true');
    loop = draws ? [x, y] : null;
  });
  canvas.addEventListener('pointermove', ({ pointerId, offsetX: x, offsetY: y }) => {
    const last = fingers.get(pointerId);
    if (!last) return hover(x, y, 14);
    const other = [...fingers].find(([id]) => id !== pointerId)?.[1];
    if (other) {
      const spread =
        Math.hypot(x - other.x, y - other.y) / Math.max(1, Math.hypot(last.x - other.x, last.y - other.y));
      camera.zoomAt(spread, other.x, other.y);
    } else if (loop) loop = extended(loop, x, y);
    else camera.move(x - last.x, y - last.y);
    moved += Math.abs(x - last.x) + Math.abs(y - last.y);
    fingers.set(pointerId, { x, y });
    draw();
  });
  const lift = ({ pointerId, type, offsetX, offsetY }: PointerEvent) => {
    const tapped = fingers.delete(pointerId) && type === 'pointerup' && moved < 6;
    const drawn = loop;
    loop = null;
    if (drawn && !tapped && type === 'pointerup') select((x, y) => isInside(drawn, x, y));
    const row = tapped ? camera.nearest(points, offsetX, offsetY, 24) : null;
    if (row !== null) context.open(row);
  };
  canvas.addEventListener('pointerup', lift);
  canvas.addEventListener('pointercancel', lift);
  canvas.addEventListener('wheel', (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
  });
  canvas.addEventListener('keydown', (event) => {
    const acts: Record<string, () => void> = {
      ArrowLeft: () => camera.move(PAN, 0),
      ArrowRight: () => camera.move(-PAN, 0),
      ArrowUp: () => camera.move(0, PAN),
      ArrowDown: () => camera.move(0, -PAN),
      '+': () => camera.zoomAt(STEP),
      '=': () => camera.zoomAt(STEP),
      '-': () => camera.zoomAt(1 / STEP),
      '0': () => camera.whole(),
      Enter: () => hovered !== null && context.open(hovered),
    };
    const act = acts[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
    if (event.key !== 'Enter') hover(camera.width / 2, camera.height / 2, Infinity);
    draw();
  });
  const resized = new ResizeObserver(() => {
    camera.width = canvas.clientWidth || 1;
    camera.height = canvas.clientHeight || 1;
    draw();
  });
  resized.observe(canvas);
  // A canvas keeps the colors that it was drawn in.
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  scheme.addEventListener('change', draw);
  void layOut(embedded.after);
  return {
    element,
    dispose() {
      layingOut++;
      layout?.stop();
      resized.disconnect();
      scheme.removeEventListener('change', draw);
      cancelAnimationFrame(asked);
    },
  };
}
