/** Photos that were selected on the map: seen, counted by folder, and taken as a list. */
import { counted, h, save } from '../elements.ts';
import { folderOf, type LookContext, titleOf } from './context.ts';
import { csvField } from './pairs-csv.ts';
import { thumb } from './thumb.ts';

/** Of many, the first are shown. */
const SHOWN = 60;
const FOLDERS = 4;

export interface Selection {
  readonly element: HTMLElement;
  readonly rows: ReadonlySet<number>;
  choose(rows: readonly number[]): void;
}

export function selection(context: LookContext, changed: () => void): Selection {
  const { embedded, photos } = context;
  let rows: ReadonlySet<number> = new Set();
  const words = h('p', { role: 'status' });
  const list = h('ol', { class: 'look-selected' });
  const exported = h(
    'button',
    {
      ...{ type: 'button', class: 'button' },
      click() {
        const lines = [...rows].map((row) =>
          [csvField(embedded.names[row]!), csvField(folderOf(embedded, row) ?? '')].join(),
        );
        save('selected.csv', `${['name,folder', ...lines].join('\r\n')}\r\n`, 'text/csv');
      },
    },
    'Save the list',
  );
  const none = h(
    'button',
    { type: 'button', class: 'button button-quiet', click: () => choose([]) },
    'Select none',
  );
  const element = h(
    'section',
    { 'aria-label': 'Selected photos', hidden: true },
    h('div', { class: 'look-actions' }, words, none, exported),
    list,
  );

  function choose(chosen: readonly number[]): void {
    rows = new Set(chosen);
    element.hidden = rows.size === 0;
    words.textContent = `${counted(rows.size, 'photo')} selected${byFolder()}.`;
    list.replaceChildren(...chosen.slice(0, SHOWN).map(item));
    changed();
  }

  function byFolder(): string {
    const counts = new Map<string, number>();
    for (const row of rows) {
      const folder = folderOf(embedded, row);
      if (folder !== null) counts.set(folder, (counts.get(folder) ?? 0) + 1);
    }
    const most = [...counts].sort(([, a], [, b]) => b - a).slice(0, FOLDERS);
    return most.length > 0 ? `: ${most.map(([folder, count]) => `${count} ${folder}`).join(', ')}` : '';
  }

  function item(row: number): HTMLElement {
    const about = titleOf(embedded, row);
    return h(
      'li',
      {},
      h(
        'button',
        {
          ...{ type: 'button', class: 'look-match', 'aria-label': about, title: about },
          click: () => context.open(row),
        },
        thumb(photos, embedded.images[row]!, 72),
      ),
    );
  }
  return {
    element,
    get rows() {
      return rows;
    },
    choose,
  };
}
