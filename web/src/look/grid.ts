/** All photos as a grid of which only what is seen exists: thousands scroll as well as ten. */

import { h } from '../elements.ts';
import type { ChosenPhotos } from '../photos.ts';
import { thumb } from './thumb.ts';

export interface Grid {
  readonly element: HTMLElement;
  /** Marks a row as chosen and brings it into view; null: none. */
  choose(row: number | null): void;
  dispose(): void;
}

const LEAST_SIDE = 84;
const GAP = 4;
/** Lines that are ready above and below what is seen. */
const SPARE = 2;

export function photoGrid(
  photos: ChosenPhotos,
  images: Int32Array,
  nameOf: (row: number) => string,
  onChoose: (row: number) => void,
): Grid {
  const space = h('div', { class: 'look-grid-space' });
  const element = h('div', { class: 'look-grid', role: 'group', 'aria-label': 'All photos' }, space);
  const cells = new Map<number, HTMLButtonElement>();
  let columns = 1;
  let side = LEAST_SIDE;
  let active = 0;
  let chosen: number | null = null;
  let asked = 0;

  function cellOf(row: number): HTMLButtonElement {
    const cell = h('button', {
      ...{ type: 'button', class: 'look-cell', 'aria-label': nameOf(row), title: nameOf(row) },
      ...{ tabindex: row === active ? 0 : -1, 'aria-pressed': String(row === chosen) },
      click: () => onChoose(row),
      focus: () => activate(row),
    });
    cell.style.transform = `translate(${(row % columns) * (side + GAP)}px, ${Math.floor(row / columns) * (side + GAP)}px)`;
    cell.append(thumb(photos, images[row]!, side));
    return cell;
  }

  function activate(row: number): void {
    cells.get(active)?.setAttribute('tabindex', '-1');
    active = row;
    cells.get(row)?.setAttribute('tabindex', '0');
  }

  function show(): void {
    const line = side + GAP;
    const first = Math.max(0, Math.floor(element.scrollTop / line) - SPARE) * columns;
    const last = Math.min(
      images.length,
      (Math.ceil((element.scrollTop + element.clientHeight) / line) + SPARE) * columns,
    );
    // The one that the Tab key comes to stays, so that focus is never lost by scrolling.
    const wanted = (row: number) => (row >= first && row < last) || row === active;
    for (const [row, cell] of cells) {
      if (wanted(row)) continue;
      cell.remove();
      cells.delete(row);
    }
    const add = (row: number) => {
      if (cells.has(row)) return;
      const cell = cellOf(row);
      cells.set(row, cell);
      space.append(cell);
    };
    for (let row = first; row < last; row++) add(row);
    if (images.length > 0) add(active);
  }

  function layOut(): void {
    const width = element.clientWidth;
    if (width === 0) return;
    const fit = Math.max(1, Math.floor((width + GAP) / (LEAST_SIDE + GAP)));
    columns = fit;
    side = Math.floor((width + GAP) / fit) - GAP;
    space.style.height = `${Math.ceil(images.length / columns) * (side + GAP)}px`;
    for (const cell of cells.values()) cell.remove();
    cells.clear();
    show();
  }

  function reveal(row: number): void {
    const top = Math.floor(row / columns) * (side + GAP);
    if (top < element.scrollTop) element.scrollTop = top;
    const bottom = top + side + 2 * GAP - element.clientHeight;
    if (bottom > element.scrollTop) element.scrollTop = bottom;
    show();
  }

  element.addEventListener('scroll', () => {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(show);
  });
  element.addEventListener('keydown', (event) => {
    const page = columns * Math.max(1, Math.floor(element.clientHeight / (side + GAP)));
    const moves: Record<string, number> = {
      ...{ ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns },
      ...{ PageUp: -page, PageDown: page, Home: -images.length, End: images.length },
    };
    const move = moves[event.key];
    if (move === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    activate(Math.min(images.length - 1, Math.max(0, active + move)));
    reveal(active);
    cells.get(active)?.focus({ preventScroll: true });
  });
  let widthBefore = 0;
  let resizing = 0;
  const refit = () => {
    if (element.clientWidth === widthBefore) return show();
    widthBefore = element.clientWidth;
    layOut();
  };
  // In the next frame: what is laid out while sizes are told changes sizes, which browsers call an error.
  const resized = new ResizeObserver(() => {
    cancelAnimationFrame(resizing);
    resizing = requestAnimationFrame(refit);
  });
  resized.observe(element);
  return {
    element,
    choose(row) {
      if (chosen !== null) cells.get(chosen)?.setAttribute('aria-pressed', 'false');
      chosen = row;
      if (row === null) return;
      activate(row);
      reveal(row);
      cells.get(row)?.setAttribute('aria-pressed', 'true');
    },
    dispose() {
      resized.disconnect();
      cancelAnimationFrame(resizing);
    },
  };
}
