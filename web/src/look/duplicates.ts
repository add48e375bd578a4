/** The tab Duplicates: pairs of photos that are alike, from a threshold on. */

import { h, reasonOf, save } from '../elements.ts';
import type { DuplicatePair } from '../moco-web.ts';
import { type LookContext, type Panel, titleOf } from './context.ts';
import { pairsAsCsv } from './pairs-csv.ts';
import { thumb } from './thumb.ts';
import { likelyDuplicate } from './typical.ts';

/** Shown at once; more on demand. */
const A_PAGE = 24;

export function duplicatesPanel(context: LookContext): Panel {
  const { embedded } = context;
  const threshold = likelyDuplicate(embedded.after.typical);
  let pairs: readonly DuplicatePair[] = [];
  let chosen = new Set<DuplicatePair>();
  let asked = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const value = h('output', { class: 'mono', for: 'look-threshold' }, threshold.toFixed(3));
  const slider = h('input', {
    ...{ type: 'range', id: 'look-threshold', min: 0.8, max: 1, step: 0.001, value: threshold },
    input() {
      value.textContent = Number(slider.value).toFixed(3);
      clearTimeout(timer);
      timer = setTimeout(find, 200);
    },
  });
  const anyTwo = h('span', { class: 'small' }, `any two photos: ${embedded.after.typical.toFixed(3)}`);
  const status = h('p', { role: 'status' });
  const list = h('ul', { class: 'look-pairs' });
  const more = h(
    'button',
    { type: 'button', class: 'button button-quiet', hidden: true, click: () => show() },
    'Show more',
  );
  const exported = h('button', { type: 'button', class: 'button', click: exportList }, 'Export the list');
  const all = h(
    'button',
    {
      ...{ type: 'button', class: 'button button-quiet' },
      click() {
        chosen = chosen.size === pairs.length ? new Set() : new Set(pairs);
        for (const box of list.querySelectorAll('input')) box.checked = chosen.size > 0;
        tell();
      },
    },
    'Select all',
  );
  const element = h(
    'div',
    { class: 'look-duplicates' },
    h(
      'p',
      { class: 'look-slider' },
      h('label', { for: 'look-threshold' }, 'Alike from'),
      slider,
      value,
      anyTwo,
    ),
    h('div', { class: 'look-actions' }, status, all, exported),
    list,
    more,
  );

  function tell(): void {
    const some = chosen.size > 0 ? `, ${chosen.size.toLocaleString('en')} selected` : '';
    const count = pairs.length === 1 ? '1 pair' : `${pairs.length.toLocaleString('en')} pairs`;
    status.textContent =
      pairs.length > 0 ? `${count}${some}` : 'No two photos are so alike. Try a lower value.';
    all.textContent = pairs.length > 0 && chosen.size === pairs.length ? 'Select none' : 'Select all';
    all.disabled = exported.disabled = pairs.length === 0;
    exported.textContent = chosen.size > 0 ? 'Export the selected' : 'Export the list';
  }

  async function find(): Promise<void> {
    const own = ++asked;
    status.textContent = 'Comparing every photo with every other…';
    try {
      // Rounding leaves equal rows a little short of 1.
      const found = await embedded.after.index.duplicates(Math.min(Number(slider.value), 1 - 1e-5));
      if (own !== asked) return;
      pairs = found;
      chosen = new Set();
      list.replaceChildren();
      show();
      tell();
    } catch (error) {
      if (own === asked) status.textContent = reasonOf(error);
    }
  }

  function show(): void {
    const from = list.children.length;
    list.append(...pairs.slice(from, from + A_PAGE).map(entry));
    more.hidden = list.children.length >= pairs.length;
  }

  function entry(pair: DuplicatePair): HTMLElement {
    const titles = pair.indices.map((row) => titleOf(embedded, row));
    const likeness = pair.similarity.toFixed(3);
    const box = h('input', {
      ...{ type: 'checkbox', 'aria-label': `Select ${titles.join(' and ')}, likeness ${likeness}` },
      change() {
        if (box.checked) chosen.add(pair);
        else chosen.delete(pair);
        tell();
      },
    });
    box.checked = chosen.has(pair);
    const photo = (row: number, title: string) =>
      h(
        'button',
        {
          ...{ type: 'button', class: 'look-match', 'aria-label': `Neighbors of ${title}`, title },
          click: () => context.open(row),
        },
        thumb(context.photos, embedded.images[row]!, 84),
      );
    const [first, second] = pair.indices;
    return h(
      'li',
      {},
      h('label', { class: 'look-check' }, box, h('span', { class: 'mono small' }, likeness)),
      photo(first, titles[0]!),
      photo(second, titles[1]!),
    );
  }

  function exportList(): void {
    save(
      'duplicates.csv',
      pairsAsCsv(chosen.size > 0 ? pairs.filter((pair) => chosen.has(pair)) : pairs, embedded.names),
      'text/csv',
    );
  }

  void find();
  return {
    element,
    dispose() {
      asked++;
      clearTimeout(timer);
    },
  };
}
